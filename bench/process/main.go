// SPDX-License-Identifier: MIT

// Child processes in Go: main short|cat COUNT.
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

func run(program string, data []byte) []byte {
	var out, err bytes.Buffer
	command := exec.Command(program)
	command.Stdout, command.Stderr = &out, &err
	if data != nil {
		command.Stdin = bytes.NewReader(data)
	}
	if failure := command.Run(); failure != nil {
		fmt.Fprintln(os.Stderr, failure)
		os.Exit(1)
	}
	return out.Bytes()
}

func short(count int) {
	var group sync.WaitGroup
	places := make(chan bool, 8)
	for i := 0; i < count; i++ {
		group.Add(1)
		places <- true
		go func() {
			run("/bin/true", nil)
			<-places
			group.Done()
		}()
	}
	group.Wait()
}

func cat(count int) {
	data := bytes.Repeat([]byte("x"), count<<20)
	if !bytes.Equal(run("/bin/cat", data), data) {
		os.Exit(1)
	}
}

func main() {
	count, _ := strconv.Atoi(os.Args[2])
	begin := time.Now()
	map[string]func(int){"short": short, "cat": cat}[os.Args[1]](count)
	fmt.Printf("seconds=%f bytes=0\n", time.Since(begin).Seconds())
}

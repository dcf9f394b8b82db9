// SPDX-License-Identifier: MIT

// The workloads in Go, with goroutines, channels and wait groups as Go has them. Goroutines return
// nothing, so what a task returns is written to its place in a slice; sleep(0) is runtime.Gosched.
//
//	go WORKLOAD SIZE        prints seconds=... bytes=... (peak)
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

func check(good bool, what string) {
	if !good {
		fmt.Fprintln(os.Stderr, "wrong result:", what)
		os.Exit(1)
	}
}

func spawnAwait(n int) {
	sum := 0
	for done := 0; done < n; done += 1000 {
		var results [1000]int
		var group sync.WaitGroup
		group.Add(1000)
		for i := range results {
			go func(i int) {
				results[i] = i + 1
				group.Done()
			}(i)
		}
		group.Wait()
		for _, result := range results {
			sum += result
		}
	}
	check(sum == n/1000*500500, "sum of the tasks")
}

// together runs n goroutines and waits for them.
func together(n int, work func()) {
	var group sync.WaitGroup
	group.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			work()
			group.Done()
		}()
	}
	group.Wait()
}

func sleep0(rounds int) {
	together(1000, func() {
		for i := 0; i < rounds; i++ {
			runtime.Gosched()
		}
	})
}

func sleepers(n int) {
	together(n, func() { time.Sleep(time.Second) })
}

func queue(n int) {
	items := make(chan int, 128)
	go func() {
		for i := 1; i <= n; i++ {
			items <- i
		}
		close(items)
	}()
	sum := 0
	for item := range items {
		sum += item
	}
	check(sum == n*(n+1)/2, "sum of the items")
}

func semaphore(n int) {
	permits := make(chan struct{}, 10)
	together(n, func() {
		permits <- struct{}{}
		runtime.Gosched()
		<-permits
	})
}

func semaphore10(n int) {
	for i := 0; i < 10; i++ {
		semaphore(n / 10)
	}
}

// each runs a goroutine for each of 1,000 items, at most `limit` at a time.
func each(n, limit int, work func(item int) int) {
	for done := 0; done < n; done += 1000 {
		var results [1000]int
		var group sync.WaitGroup
		permits := make(chan struct{}, limit)
		group.Add(1000)
		for i := range results {
			if limit < 1000 {
				permits <- struct{}{}
			}
			go func(i int) {
				results[i] = work(i + 1)
				if limit < 1000 {
					<-permits
				}
				group.Done()
			}(i)
		}
		group.Wait()
		check(results[999] == work(1000), "the last result")
	}
}

func gatherList(n int) {
	each(n, 1000, func(item int) int { return item })
}

func mapAll(n int) {
	each(n, 1000, func(item int) int { return item * 2 })
}

func mapLimit(n int) {
	each(n, 10, func(item int) int { return item * 2 })
}

func children(n int) {
	each(n, 1000, func(item int) int {
		runtime.Gosched()
		return item * 2
	})
}

func waitFor(n int) {
	sum := 0
	for i := 0; i < n; i++ {
		within, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		if within.Err() == nil {
			sum++
		}
		cancel()
	}
	check(sum == n, "sum of the results")
}

func lock(n int) {
	var guard sync.Mutex
	count := 0
	for i := 0; i < n; i++ {
		func() {
			guard.Lock()
			defer guard.Unlock()
			count++
		}()
	}
	check(count == n, "how often it was held")
}

func selectOne(n int) {
	first, second := make(chan int, 4), make(chan int, 4)
	for i := 1; i <= n; i++ {
		second <- i
		select {
		case <-first:
			check(false, "an item of the first queue")
		case item := <-second:
			check(item == i, "the item")
		}
	}
}

func tree(level int, leaf func() int) int {
	if level == 0 {
		return leaf()
	}
	var results [6]int
	var group sync.WaitGroup
	group.Add(6)
	for i := range results {
		go func(i int) {
			results[i] = tree(level-1, leaf)
			group.Done()
		}(i)
	}
	group.Wait()
	leaves := 0
	for _, result := range results {
		leaves += result
	}
	return leaves
}

func leaves(levels int) int {
	n := 1
	for ; levels > 0; levels-- {
		n *= 6
	}
	return n
}

func gather(levels int) {
	check(tree(levels, func() int { return 1 }) == leaves(levels), "leaves")
}

func gatherSleep(levels int) {
	check(tree(levels, func() int {
		time.Sleep(50 * time.Millisecond)
		return 1
	}) == leaves(levels), "leaves")
}

// memory gives VmRSS (memory held now) or VmHWM (the most ever held) of this process, in bytes.
func memory(field string) int {
	status, err := os.Open("/proc/self/status")
	check(err == nil, "/proc/self/status")
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if words := strings.Fields(lines.Text()); words[0] == field+":" {
			kib, _ := strconv.Atoi(words[1])
			return kib * 1024
		}
	}
	return 0
}

func main() {
	workloads := map[string]func(int){
		"spawn_await": spawnAwait, "sleep0": sleep0, "sleepers": sleepers, "queue": queue,
		"semaphore": semaphore, "gather": gather, "gather_sleep": gatherSleep,
		"semaphore_10": semaphore10, "gather_list": gatherList, "map": mapAll, "map_limit": mapLimit,
		"children": children, "wait_for": waitFor, "lock": lock, "select": selectOne, "start": func(int) {},
	}
	size, err := strconv.Atoi(os.Args[2])
	check(err == nil, "size")
	before, start := memory("VmRSS"), time.Now()
	workloads[os.Args[1]](size)
	seconds := time.Since(start).Seconds()
	fmt.Printf("seconds=%.6f bytes=%d\n", seconds, memory("VmHWM")-before)
}

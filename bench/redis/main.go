// SPDX-License-Identifier: MIT

// The same workloads by go-redis, as Debian has it, with a connection for each of 64 goroutines: WORKLOAD N PORT.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"gopkg.in/redis.v5"
)

const tasks = 64

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func inTasks(count int, fn func() error) {
	var group sync.WaitGroup
	for i := 0; i < tasks; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for n := 0; n < count/tasks; n++ {
				check(fn())
			}
		}()
	}
	group.Wait()
}

func main() {
	workload, port := os.Args[1], os.Args[3]
	count, err := strconv.Atoi(os.Args[2])
	check(err)
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port, PoolSize: tasks})
	check(client.Set("key", strings.Repeat("x", 64), 0).Err())
	begin := time.Now()
	switch workload {
	case "ping":
		inTasks(count, func() error { return client.Ping().Err() })
	case "get":
		inTasks(count, func() error { return client.Get("key").Err() })
	case "pipeline":
		for i := 0; i < count/tasks; i++ {
			pipe := client.Pipeline()
			for n := 0; n < tasks; n++ {
				pipe.Ping()
			}
			_, err := pipe.Exec()
			check(err)
		}
	}
	fmt.Printf("seconds=%.6f bytes=0\n", time.Since(begin).Seconds())
}

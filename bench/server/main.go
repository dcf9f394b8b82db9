// SPDX-License-Identifier: MIT

// An HTTP server on net/http: main FOLDER. Prints its port.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
)

type message struct {
	Message string `json:"message"`
	Numbers []int  `json:"numbers"`
	Text    string `json:"text"`
}

var text = strings.Repeat("x", 950)

func main() {
	runtime.GOMAXPROCS(1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	http.HandleFunc("/hello", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "hello")
	})
	http.HandleFunc("/json", func(w http.ResponseWriter, r *http.Request) {
		body, _ := json.Marshal(message{"hello", []int{1, 2, 3}, text})
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	})
	http.Handle("/", http.FileServer(http.Dir(os.Args[1])))
	panic(http.Serve(listener, nil))
}

// Body_reader is a net/http server that reads each request's body to its end and
// says what it took the request for: method, target and the body's length.
//
//	body_reader -listen 127.0.0.1:0
//
// It prints "listening on <address>" once it does, and runs until it is killed.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to serve on; port 0 picks a free one")
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, "body_reader:", err)
		os.Exit(4)
	}
	fmt.Println("listening on", listener.Addr())
	server := &http.Server{
		Handler:           http.HandlerFunc(answer),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	if err := server.Serve(listener); err != nil {
		fmt.Fprintln(os.Stderr, "body_reader:", err)
		os.Exit(4)
	}
}

func answer(w http.ResponseWriter, r *http.Request) {
	bytes, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%s %s %d\n", r.Method, r.RequestURI, bytes)
}

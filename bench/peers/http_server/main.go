// Http_server is net/http as a server of small replies, nothing logged, with the
// same three handlers as bench_http_server.
//
//	http_server -listen 127.0.0.1:8080
//
// It prints "listening on <address>" once it does, and ends on SIGTERM.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

const hello = "Hello, World!"

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to serve on; port 0 picks a free one")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "http_server: takes no argument but -listen")
		os.Exit(2)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, "http_server:", err)
		os.Exit(4)
	}
	fmt.Println("listening on", listener.Addr())

	server := &http.Server{
		Handler:           newHandler(),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		fmt.Fprintln(os.Stderr, "http_server:", err)
		os.Exit(4)
	}
}

type message struct {
	Message string `json:"message"`
}

func newHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/plaintext", func(w http.ResponseWriter, _ *http.Request) { plaintext(w) })
	mux.HandleFunc("/json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", "go")
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(message{hello})
	})
	mux.HandleFunc("/heavy", func(w http.ResponseWriter, r *http.Request) {
		milliseconds, err := strconv.Atoi(r.URL.Query().Get("ms"))
		if err != nil || milliseconds < 0 || milliseconds > 1000 {
			milliseconds = 100
		}
		compute(time.Duration(milliseconds) * time.Millisecond)
		plaintext(w)
	})
	return mux
}

func plaintext(w http.ResponseWriter) {
	w.Header().Set("Server", "go")
	w.Header().Set("Content-Type", "text/plain")
	io.WriteString(w, hello)
}

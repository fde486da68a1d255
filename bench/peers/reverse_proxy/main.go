// Reverse_proxy is net/http's own reverse proxy, tuned as one would for a single
// busy upstream: enough idle connections kept, copy buffers pooled, nothing logged.
//
//	reverse_proxy -upstream http://127.0.0.1:9001
//
// It prints "listening on <address>" once it does, and ends on SIGTERM.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// As many as the benchmark will ever have connections: fewer, and the transport
// would close and open upstream connections all the time.
const idleMax = 2048

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to serve on; port 0 picks a free one")
	upstream := flag.String("upstream", "", "where requests go, as http://host:port")
	flag.Parse()
	target, err := url.Parse(*upstream)
	if err != nil || target.Scheme != "http" || target.Host == "" || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "reverse_proxy: want -upstream http://host:port and no other argument")
		os.Exit(2)
	}

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, "reverse_proxy:", err)
		os.Exit(4)
	}
	fmt.Println("listening on", listener.Addr())

	server := &http.Server{
		Handler:           newProxy(target),
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
		fmt.Fprintln(os.Stderr, "reverse_proxy:", err)
		os.Exit(4)
	}
}

func newProxy(target *url.URL) *httputil.ReverseProxy {
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		MaxIdleConns:          idleMax,
		MaxIdleConnsPerHost:   idleMax,
		IdleConnTimeout:       90 * time.Second,
		ResponseHeaderTimeout: 5 * time.Second,
		DisableCompression:    true, // pass on what the client asked for
	}
	proxy.BufferPool = &bufferPool{}
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	return proxy
}

// bufferPool spares a 32 KiB allocation for each reply's body.
type bufferPool struct{ pool sync.Pool }

func (b *bufferPool) Get() []byte {
	if buffer, ok := b.pool.Get().(*[]byte); ok {
		return *buffer
	}
	return make([]byte, 32<<10)
}

func (b *bufferPool) Put(buffer []byte) { b.pool.Put(&buffer) }

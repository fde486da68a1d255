// Loadclient is a closed-loop HTTP/1.1 client: so many keep-alive connections,
// each sending its next request as soon as the reply to the last one is whole.
// Unlike wrk it keeps the latencies of each status apart, which is what tells
// whether refusals were quick and whether the admitted were spared.
//
//	loadclient -connections 400 -seconds 10 http://127.0.0.1:8080/demo?ms=20
//
// It prints one JSON object. A reply of any status is a reply; what was not a
// reply at all is counted under errors. It exits 0 whatever it saw, 2 when it was
// called wrongly.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	connections := flag.Int("connections", 400, "kept open at once")
	seconds := flag.Float64("seconds", 10, "how long new requests are begun")
	timeout := flag.Duration("timeout", 10*time.Second, "to connect, and for each reply")
	flag.Parse()
	target, err := parseTarget(flag.Args())
	if err == nil && (*connections < 1 || *connections > 10_000) {
		err = fmt.Errorf("-connections is 1 to 10000")
	}
	if err == nil && (*seconds <= 0 || *seconds > 3600 || *timeout <= 0) {
		err = fmt.Errorf("-seconds is more than 0 and up to 3600, -timeout more than 0")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "loadclient:", err)
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	load := newLoad(target, *connections, *timeout)
	report := load.run(ctx, time.Duration(*seconds*float64(time.Second)))
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		fmt.Fprintln(os.Stderr, "loadclient:", err)
		os.Exit(4)
	}
	if ctx.Err() != nil {
		os.Exit(130)
	}
}

func parseTarget(arguments []string) (*url.URL, error) {
	if len(arguments) != 1 {
		return nil, fmt.Errorf("want one URL")
	}
	target, err := url.Parse(arguments[0])
	if err != nil {
		return nil, err
	}
	if target.Scheme != "http" || target.Port() == "" {
		return nil, fmt.Errorf("want http://host:port/path, not %q", arguments[0])
	}
	return target, nil
}

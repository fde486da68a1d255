// Go is the Go side of bench/runtime_bench.cc: the same work under the same names,
// one at a time.
//
//	go -bench channel/1:1/128 -procs 2
//
// -n is the size: leaves, values, rounds, operations; for fib and nqueens what
// they are called with. One JSON object goes to stdout; ns_per_op is wall time by
// operations, as runtime_bench counts them.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strings"
	"syscall"
	"time"
)

// Work does a benchmark of size n: how many operations that were, and how long
// they took without what was set up before.
type Work func(n int) (operations int, took time.Duration, err error)

// benchmark is a name with what it does, unless -n says otherwise.
type benchmark struct {
	n    int
	work Work
}

var benchmarks = map[string]benchmark{
	// Of the sizes in their names these do less: a goroutine for each leaf or
	// call takes minutes there, and gigabytes.
	"skynet/100000000": {1_000_000, skynet},
	"fib/39":           {25, fibonacci},
	"nqueens/14":       {11, nqueens},

	"spawn_join":       {1_000_000, spawnJoin},
	"channel/1:1/0":    {10_000_000, pass(1, 0)},
	"channel/1:1/128":  {10_000_000, pass(1, 128)},
	"channel/1:1/1024": {10_000_000, pass(1, 1024)},
	"channel/4:4/1024": {10_000_000, pass(4, 1024)},
	"ping_pong/same":   {1_000_000, pingPong},
	"ping_pong/across": {1_000_000, pingPong},
	"select":           {1_000_000, selects},

	"yield":         {2_000_000, yields},
	"mutex":         {5_000_000, locks(1)},
	"mutex/100":     {4_000_000, locks(100)},
	"semaphore":     {5_000_000, acquires(10, 1)},
	"semaphore/100": {2_000_000, acquires(10, 100)},
	"semaphore/4":   {1_000_000, acquires(1, 4)},
	"timer":         {1_000_000, timers},

	// Beside weir_bounds_bench.
	"fan_out/1000": {1_000_000, fanOut},

	"tcp_ping_pong/1":    {100_000, tcpPingPong(1)},
	"tcp_ping_pong/20":   {100_000, tcpPingPong(20)},
	"tcp_ping_pong/1000": {400_000, tcpPingPong(1000)},
}

type report struct {
	Name         string  `json:"name"`
	N            int     `json:"n"`
	Procs        int     `json:"procs"`
	Operations   int     `json:"operations"`
	NsPerOp      float64 `json:"ns_per_op"`
	Seconds      float64 `json:"seconds"`
	RssBytesPeak int64   `json:"rss_bytes_peak"`
	Go           string  `json:"go"`
}

func main() {
	name := flag.String("bench", "", "which: "+strings.Join(names(), " "))
	n := flag.Int("n", 0, "its size; 0: the benchmark's own")
	procs := flag.Int("procs", 2, "GOMAXPROCS")
	flag.Parse()
	chosen, known := benchmarks[*name]
	if !known || flag.NArg() > 0 || *n < 0 || *procs < 1 {
		fmt.Fprintf(os.Stderr, "usage: go -bench NAME [-n N] [-procs P]; names: %s\n", strings.Join(names(), " "))
		os.Exit(2)
	}
	if *n == 0 {
		*n = chosen.n
	}
	runtime.GOMAXPROCS(*procs)
	operations, took, err := chosen.work(*n)
	if err != nil {
		fmt.Fprintf(os.Stderr, "go: %s: %v\n", *name, err)
		os.Exit(4)
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fmt.Fprintln(os.Stderr, "go:", err)
		os.Exit(4)
	}
	err = json.NewEncoder(os.Stdout).Encode(report{
		Name: *name, N: *n, Procs: *procs, Operations: operations,
		NsPerOp: float64(took.Nanoseconds()) / float64(operations), Seconds: took.Seconds(),
		RssBytesPeak: usage.Maxrss << 10, Go: runtime.Version(),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "go:", err)
		os.Exit(4)
	}
}

func names() []string {
	var all []string
	for name := range benchmarks {
		all = append(all, name)
	}
	sort.Strings(all)
	return all
}

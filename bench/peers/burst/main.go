// Burst is the Go side of `weir burst`: a thousand goroutines that ask for a
// million jobs a second, each of 500 KB touched page by page and 20 ms of
// waiting, either each on a goroutine of its own (naive) or through an adaptive
// worker pool with a bounded queue (pool).
//
//	burst -mode pool -seconds 30
//
// Progress goes to stderr, one JSON object to stdout, with the fields of one run
// of `weir burst --json`. The run is stopped when its resident memory passes
// -memory-cap, so that the kernel never has to.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Options of a run; -help says what each means.
type Options struct {
	Mode                   string // naive or pool
	Window                 time.Duration
	Rate                   float64
	BytesPerJob            bytesFlag
	Wait                   time.Duration
	Memory                 string // garbage, held or reused
	WorkersMin, WorkersMax int
	QueueMax               int
	MemoryCap              bytesFlag
	child                  bool
}

func main() {
	options := parse()
	if options.child {
		counts, err := mapCounts(os.NewFile(3, "counts"))
		if err != nil {
			fmt.Fprintln(os.Stderr, "burst:", err)
			os.Exit(4)
		}
		runBurst(options, counts)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := supervise(ctx, options)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(report)
	}
	if ctx.Err() != nil {
		os.Exit(130)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "burst:", err)
		os.Exit(4)
	}
}

func parse() Options {
	o := Options{BytesPerJob: 500_000, MemoryCap: bytesFlag(memoryAvailableBytes() / 2)}
	var seconds, ms float64
	flag.StringVar(&o.Mode, "mode", "pool", "naive (a goroutine for each job) or pool")
	flag.Float64Var(&seconds, "seconds", 30, "how long jobs are submitted")
	flag.Float64Var(&o.Rate, "rate", 1e6, "submissions a second asked of all generators together")
	flag.Var(&o.BytesPerJob, "bytes", "allocated by each job, and written once in each 4,096")
	flag.Float64Var(&ms, "ms", 20, "how long each job sleeps")
	flag.StringVar(&o.Memory, "memory", "garbage",
		"of each job: garbage (allocated, and nobody's while the job sleeps), held (until the job ends) or reused (from a sync.Pool)")
	flag.IntVar(&o.WorkersMin, "workers-min", 100, "of the pool")
	flag.IntVar(&o.WorkersMax, "workers-max", 5000, "of the pool")
	flag.IntVar(&o.QueueMax, "queue", 100_000, "jobs that may wait in the pool")
	flag.Var(&o.MemoryCap, "memory-cap", "resident memory at which the run stops (default: half of what is available)")
	flag.BoolVar(&o.child, "child", false, "for the program itself: do the work, with the counts in descriptor 3")
	flag.Parse()
	o.Window = time.Duration(seconds * float64(time.Second))
	o.Wait = time.Duration(ms * float64(time.Millisecond))

	if err := o.validate(); err != nil || flag.NArg() > 0 {
		if err == nil {
			err = fmt.Errorf("unexpected argument %q", flag.Arg(0))
		}
		fmt.Fprintln(os.Stderr, "burst:", err)
		os.Exit(2)
	}
	return o
}

func (o *Options) validate() error {
	switch {
	case o.Mode != "naive" && o.Mode != "pool":
		return fmt.Errorf("-mode is naive or pool, not %q", o.Mode)
	case o.Memory != "garbage" && o.Memory != "held" && o.Memory != "reused":
		return fmt.Errorf("-memory is garbage, held or reused, not %q", o.Memory)
	case o.Window <= 0 || o.Window > time.Hour:
		return fmt.Errorf("-seconds is more than 0 and up to 3600")
	case o.Wait < 0 || o.Wait > time.Minute:
		return fmt.Errorf("-ms is 0 to 60000")
	case o.Rate <= 0:
		return fmt.Errorf("-rate is more than 0")
	case o.WorkersMin < 1 || o.WorkersMax < o.WorkersMin || o.QueueMax < 1:
		return fmt.Errorf("-workers-min is at least 1, -workers-max at least that, -queue at least 1")
	case o.MemoryCap == 0:
		return fmt.Errorf("-memory-cap is missing, and /proc/meminfo does not say what is available")
	}
	return nil
}

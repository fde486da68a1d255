package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"weir/bench/peers/internal/latency"
)

// Memory grows by some gigabytes a second: the cap is overshot by some tens of
// megabytes at most.
const memoryLook = 5 * time.Millisecond

// Report has the fields of one run of `weir burst --json`.
type Report struct {
	Run          string  `json:"run"`
	OfferedPerS  float64 `json:"offered_per_s"` // submissions tried, over the window
	Submitted    uint64  `json:"submitted"`     // tried, the refused among them
	Completed    uint64  `json:"completed"`
	Rejected     uint64  `json:"rejected"`
	JobMsMean    float64 `json:"job_ms_mean"` // inside the job: memory and waiting
	JobMsP99     float64 `json:"job_ms_p99"`
	TotalMsMean  float64 `json:"total_ms_mean"` // from submission to completion
	TotalMsP50   float64 `json:"total_ms_p50"`
	TotalMsP99   float64 `json:"total_ms_p99"`
	RssBytesPeak uint64  `json:"rss_bytes_peak"`
	TasksPeak    int64   `json:"tasks_peak"` // naive: jobs begun and not done; pool: workers
	StoppedByCap bool    `json:"stopped_by_cap"`
	Seconds      float64 `json:"seconds"` // to the end of the last job
}

// supervise runs the burst in a process of its own and ends it when it has become
// larger than it may be. Nothing inside that process can be relied on for that: a
// goroutine that looks after memory has to allocate, and then waits for the
// collector behind a hundred thousand others, while they go on.
func supervise(ctx context.Context, options Options) (Report, error) {
	file, err := newCountsFile()
	if err != nil {
		return Report{}, err
	}
	defer file.Close()
	counts, err := mapCounts(file)
	if err != nil {
		return Report{}, err
	}
	child, err := startChild(file)
	if err != nil {
		return Report{}, err
	}
	began := time.Now()
	exited := make(chan error, 1)
	go func() { exited <- child.Wait() }()

	look := time.NewTicker(memoryLook)
	defer look.Stop()
	progress := newProgress(options.Mode, began)
	capped := false
	for {
		select {
		case err := <-exited:
			if err != nil && !capped {
				return Report{}, fmt.Errorf("the run ended by itself: %w", err)
			}
			return report(options, counts, child, time.Since(began), capped), ctx.Err()
		case <-ctx.Done():
			child.Process.Kill()
			<-exited
			return Report{}, ctx.Err()
		case now := <-look.C:
			if capped {
				continue // killed; its memory is being given back
			}
			rss := rssBytes(child.Process.Pid)
			progress.tell(now, counts, rss)
			if rss > uint64(options.MemoryCap) {
				capped = true
				child.Process.Kill()
			}
		}
	}
}

func startChild(file *os.File) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	// The signal on the parent's death is bound to the thread that starts the child.
	runtime.LockOSThread()
	child := exec.Command(program, append([]string{"-child"}, os.Args[1:]...)...)
	child.Stderr = os.Stderr
	child.ExtraFiles = []*os.File{file}
	// Not in the terminal's group: Ctrl-C is for the supervisor.
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return child, child.Start()
}

func report(options Options, c *counts, child *exec.Cmd, elapsed time.Duration, capped bool) Report {
	window := elapsed
	if ns := c.windowNs.Load(); ns > 0 {
		window = time.Duration(ns)
	}
	submitted, rejected := c.submissions()
	peak := c.runningPeak.Load()
	if options.Mode == "pool" {
		peak = c.workersPeak.Load()
	}
	rssPeak := uint64(0)
	if usage, ok := child.ProcessState.SysUsage().(*syscall.Rusage); ok {
		rssPeak = uint64(usage.Maxrss) << 10
	}
	return Report{
		Run:          options.Mode,
		OfferedPerS:  float64(submitted) / window.Seconds(),
		Submitted:    submitted,
		Completed:    c.total.Count(),
		Rejected:     rejected,
		JobMsMean:    latency.Milliseconds(c.inside.Mean()),
		JobMsP99:     latency.Milliseconds(c.inside.Quantile(0.99)),
		TotalMsMean:  latency.Milliseconds(c.total.Mean()),
		TotalMsP50:   latency.Milliseconds(c.total.Quantile(0.5)),
		TotalMsP99:   latency.Milliseconds(c.total.Quantile(0.99)),
		RssBytesPeak: rssPeak,
		TasksPeak:    peak,
		StoppedByCap: capped,
		Seconds:      elapsed.Seconds(),
	}
}

// progress is a line each second.
type progress struct {
	mode                           string
	began, last                    time.Time
	submitted, rejected, completed uint64
}

func newProgress(mode string, began time.Time) *progress {
	return &progress{mode: mode, began: began, last: began}
}

func (p *progress) tell(now time.Time, c *counts, rss uint64) {
	elapsed := now.Sub(p.last)
	if elapsed < time.Second {
		return
	}
	submitted, rejected := c.submissions()
	completed := c.total.Count()
	line := fmt.Sprintf("%3.0f s  submitted %7.0f/s  refused %7.0f/s  completed %6.0f/s  job %5.0f ms  memory %5.2f GB",
		now.Sub(p.began).Seconds(), perSecond(submitted-p.submitted, elapsed), perSecond(rejected-p.rejected, elapsed),
		perSecond(completed-p.completed, elapsed), latency.Milliseconds(c.inside.Mean()), float64(rss)/1e9)
	if p.mode == "pool" {
		line += fmt.Sprintf("  workers %d  queued %d", c.workers.Load(), c.queued.Load())
	} else {
		line += fmt.Sprintf("  running %d", c.running.Load())
	}
	fmt.Fprintln(os.Stderr, line)
	p.submitted, p.rejected, p.completed, p.last = submitted, rejected, completed, now
}

func perSecond(count uint64, elapsed time.Duration) float64 {
	return float64(count) / elapsed.Seconds()
}

package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

const (
	pageBytes = 4096
	// How long a submission to the pool may wait for a place.
	submitTimeout = time.Microsecond
	// What a naive generator sleeps after each submission.
	naivePause = 10 * time.Microsecond
	// After the last submission: longer than any queue that the pool's bound allows.
	drainMax = 2 * time.Minute
)

// burst is the process that works. What watches over it is in supervisor.go.
type burst struct {
	options  Options
	counts   *counts
	pool     *Pool          // nil in naive mode
	jobs     sync.WaitGroup // naive mode: one for each job
	memory   sync.Pool      // of *[]byte, where jobs reuse it
	stopping chan struct{}  // closed when submitting ends
}

// runBurst submits for the window, then waits for what was accepted.
func runBurst(options Options, counts *counts) {
	b := &burst{options: options, counts: counts, stopping: make(chan struct{})}
	b.memory.New = func() any {
		memory := make([]byte, options.BytesPerJob)
		return &memory
	}
	if options.Mode == "pool" {
		b.pool = NewPool(PoolOptions{
			WorkersMin: options.WorkersMin,
			WorkersMax: options.WorkersMax,
			QueueMax:   options.QueueMax,
			GrowAt:     0.7,
			Look:       100 * time.Millisecond,
			Cooldown:   5 * time.Second,
			Idle:       30 * time.Second,
		})
		go b.publish()
	}
	began := time.Now()
	var generators sync.WaitGroup
	generators.Add(generatorCount)
	for i := range counts.generators {
		go func(g *generator) {
			defer generators.Done()
			b.generate(g, began)
		}(&counts.generators[i])
	}
	time.Sleep(options.Window)
	close(b.stopping)
	counts.windowNs.Store(int64(time.Since(began)))
	generators.Wait()
	if !b.drain() {
		fmt.Fprintf(os.Stderr, "burst: jobs are left after %v of draining\n", drainMax)
	}
}

// generate submits one generator's share of the rate, or as much of it as can be
// had: what it is late by it catches up with, which is what open-loop means.
func (b *burst) generate(g *generator, began time.Time) {
	between := time.Duration(generatorCount / b.options.Rate * float64(time.Second))
	due := began
	for {
		select {
		case <-b.stopping:
			return
		default:
		}
		now := time.Now()
		if ahead := due.Sub(now); ahead > 0 {
			time.Sleep(ahead)
			continue
		}
		due = due.Add(between)
		g.submitted.Add(1)
		if b.pool == nil {
			b.jobs.Add(1)
			raise(&b.counts.runningPeak, b.counts.running.Add(1))
			go func() {
				b.work(now)
				b.counts.running.Add(-1)
				b.jobs.Done()
			}()
			time.Sleep(naivePause)
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), submitTimeout)
		if b.pool.Submit(ctx, func() { b.work(now) }) != nil {
			g.rejected.Add(1)
		}
		cancel()
	}
}

// work is the job.
func (b *burst) work(submitted time.Time) {
	began := time.Now()
	switch b.options.Memory {
	case "garbage":
		touch(make([]byte, b.options.BytesPerJob))
		time.Sleep(b.options.Wait)
	case "held":
		memory := make([]byte, b.options.BytesPerJob)
		touch(memory)
		time.Sleep(b.options.Wait)
		runtime.KeepAlive(memory)
	case "reused":
		memory := b.memory.Get().(*[]byte)
		touch(*memory)
		time.Sleep(b.options.Wait)
		b.memory.Put(memory)
	}
	ended := time.Now()
	b.counts.inside.Record(ended.Sub(began))
	b.counts.total.Record(ended.Sub(submitted))
}

// touch is not inlined, so that the compiler cannot leave anything out.
//
//go:noinline
func touch(memory []byte) {
	for i := 0; i < len(memory); i += pageBytes {
		memory[i] = 1
	}
}

func (b *burst) drain() bool {
	if b.pool != nil {
		return b.pool.Drain(drainMax)
	}
	done := make(chan struct{})
	go func() {
		b.jobs.Wait()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-time.After(drainMax):
		return false
	}
}

// publish copies what the pool says of itself to where the supervisor sees it.
func (b *burst) publish() {
	for {
		b.counts.workers.Store(int64(b.pool.Workers()))
		b.counts.workersPeak.Store(int64(b.pool.WorkersPeak()))
		b.counts.queued.Store(int64(b.pool.Queued()))
		time.Sleep(100 * time.Millisecond)
	}
}

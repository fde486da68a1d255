package main

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func options(workersMin, workersMax, queueMax int) PoolOptions {
	return PoolOptions{
		WorkersMin: workersMin, WorkersMax: workersMax, QueueMax: queueMax,
		GrowAt: 0.5, Look: time.Millisecond, Cooldown: time.Millisecond, Idle: time.Hour,
	}
}

func submit(t *testing.T, p *Pool, job func()) {
	t.Helper()
	if err := p.Submit(context.Background(), job); err != nil {
		t.Fatal(err)
	}
}

func TestAFullQueueRefusesWhenTheContextEnds(t *testing.T) {
	p := NewPool(options(1, 1, 2))
	started, release := make(chan struct{}), make(chan struct{})
	submit(t, p, func() { close(started); <-release })
	<-started
	submit(t, p, func() {})
	submit(t, p, func() {})
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.Submit(ended, func() { t.Error("a refused job ran") }); err != ErrFull {
		t.Errorf("got %v", err)
	}
	close(release)
	if !p.Drain(time.Minute) || p.Workers() != 0 {
		t.Errorf("%d workers are left", p.Workers())
	}
}

func TestWorkersAreAddedWhileTheQueueIsFullAndNeverBeyondTheMaximum(t *testing.T) {
	p := NewPool(options(1, 4, 100))
	var all sync.WaitGroup
	all.Add(4)
	for i := 0; i < 100; i++ {
		// The first four jobs end only when four run at once.
		first := i < 4
		submit(t, p, func() {
			if first {
				all.Done()
				all.Wait()
			}
		})
	}
	all.Wait()
	if !p.Drain(time.Minute) {
		t.Fatal("not drained")
	}
	if p.WorkersPeak() != 4 {
		t.Errorf("peak of %d workers", p.WorkersPeak())
	}
}

func TestIdleWorkersAboveTheMinimumEnd(t *testing.T) {
	o := options(2, 8, 10)
	o.Idle = time.Millisecond
	p := NewPool(o)
	p.add(6)
	for p.Workers() > 2 {
		time.Sleep(time.Millisecond)
	}
	done := make(chan struct{})
	submit(t, p, func() { close(done) })
	<-done
	if p.Workers() != 2 || p.WorkersPeak() != 8 {
		t.Errorf("%d workers, peak %d", p.Workers(), p.WorkersPeak())
	}
	p.Drain(time.Minute)
}

func TestDrainRunsEverythingThatWasAccepted(t *testing.T) {
	p := NewPool(options(2, 2, 1000))
	var ran atomic.Int64
	for i := 0; i < 1000; i++ {
		submit(t, p, func() { ran.Add(1) })
	}
	if !p.Drain(time.Minute) || ran.Load() != 1000 {
		t.Errorf("%d of 1000 ran", ran.Load())
	}
}

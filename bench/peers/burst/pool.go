package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// ErrFull is why Submit refuses: no place in the queue came free in time.
var ErrFull = errors.New("pool: queue full")

// PoolOptions: all of them positive.
type PoolOptions struct {
	WorkersMin, WorkersMax int
	QueueMax               int
	GrowAt                 float64       // share of the queue in use at which workers are added
	Look                   time.Duration // how often the queue is looked at
	Cooldown               time.Duration // least time between two additions
	Idle                   time.Duration // a worker above the minimum without work for so long ends
}

// Pool runs jobs on goroutines between a minimum and a maximum, behind a bounded
// queue. Whenever the queue is fuller than GrowAt and the cooldown has passed,
// the number of workers is doubled; workers above the minimum end when idle.
type Pool struct {
	options PoolOptions
	queue   chan func()
	closing chan struct{} // closed by Drain: the queue takes no more
	running sync.WaitGroup
	scaler  sync.WaitGroup

	workers atomic.Int64
	peak    atomic.Int64 // of workers; written by the scaler alone once the pool stands
}

func NewPool(options PoolOptions) *Pool {
	p := &Pool{
		options: options,
		queue:   make(chan func(), options.QueueMax),
		closing: make(chan struct{}),
	}
	p.add(options.WorkersMin)
	p.scaler.Add(1)
	go p.scale()
	return p
}

// Submit returns nil when the job will run, ErrFull when ctx ended before there
// was a place for it. It must not be called after Drain has been.
func (p *Pool) Submit(ctx context.Context, job func()) error {
	// A channel operation without a wait is several times cheaper than a select
	// with one, and succeeds whenever there is a place.
	select {
	case p.queue <- job:
		return nil
	default:
	}
	select {
	case p.queue <- job:
		return nil
	case <-ctx.Done():
		return ErrFull
	}
}

// Drain runs what is queued, and returns when the last worker has ended or
// `deadline` is over; it says whether everything has run.
func (p *Pool) Drain(deadline time.Duration) bool {
	close(p.closing)
	p.scaler.Wait()
	close(p.queue)
	ended := make(chan struct{})
	go func() {
		p.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return true
	case <-time.After(deadline):
		return false
	}
}

func (p *Pool) Queued() int      { return len(p.queue) }
func (p *Pool) Workers() int     { return int(p.workers.Load()) }
func (p *Pool) WorkersPeak() int { return int(p.peak.Load()) }

func (p *Pool) scale() {
	defer p.scaler.Done()
	look := time.NewTicker(p.options.Look)
	defer look.Stop()
	full := int(p.options.GrowAt * float64(p.options.QueueMax))
	grown := time.Now().Add(-p.options.Cooldown)
	for {
		select {
		case <-p.closing:
			return
		case now := <-look.C:
			workers := p.Workers()
			if len(p.queue) < full || workers >= p.options.WorkersMax || now.Sub(grown) < p.options.Cooldown {
				continue
			}
			more := workers
			if more > p.options.WorkersMax-workers {
				more = p.options.WorkersMax - workers
			}
			p.add(more)
			grown = now
		}
	}
}

func (p *Pool) add(count int) {
	workers := p.workers.Add(int64(count))
	if workers > p.peak.Load() {
		p.peak.Store(workers)
	}
	p.running.Add(count)
	for i := 0; i < count; i++ {
		go p.work()
	}
}

func (p *Pool) work() {
	defer p.running.Done()
	idle := time.NewTimer(p.options.Idle)
	defer idle.Stop()
	for {
		// The timer is touched only where there is nothing to do.
		select {
		case job, open := <-p.queue:
			if !open {
				p.workers.Add(-1)
				return
			}
			job()
			continue
		default:
		}
		if !idle.Stop() {
			select {
			case <-idle.C:
			default:
			}
		}
		idle.Reset(p.options.Idle)
		select {
		case job, open := <-p.queue:
			if !open {
				p.workers.Add(-1)
				return
			}
			job()
		case <-idle.C:
			if p.retire() {
				return
			}
		}
	}
}

// retire takes one worker off, unless that would leave fewer than the minimum.
func (p *Pool) retire() bool {
	for {
		workers := p.workers.Load()
		if workers <= int64(p.options.WorkersMin) {
			return false
		}
		if p.workers.CompareAndSwap(workers, workers-1) {
			return true
		}
	}
}

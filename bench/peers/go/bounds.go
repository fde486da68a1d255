package main

import (
	"errors"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// The counterparts of bench/bounds_bench.cc, by what the standard library has: a
// buffered channel is the semaphore, a map of them under a lock is one by key, a
// word that is compared and swapped is the rate, and workers that receive from a
// channel are the pool.
func init() {
	benchmarks["refuse"] = benchmark{20_000_000, refuse}
	benchmarks["admit_release"] = benchmark{20_000_000, admitRelease(false)}
	benchmarks["admit_release/contended"] = benchmark{5_000_000, admitRelease(true)}
	benchmarks["tenant/100000"] = benchmark{5_000_000, tenant(100_000)}
	benchmarks["gcra"] = benchmark{20_000_000, gcra}
	benchmarks["pool_submit_run"] = benchmark{2_000_000, poolSubmitRun}
}

type places chan struct{}

func (p places) tryAcquire() bool {
	select {
	case p <- struct{}{}:
		return true
	default:
		return false
	}
}

func (p places) release() { <-p }

func refuse(n int) (int, time.Duration, error) {
	inflight := make(places, 1)
	inflight.tryAcquire()
	start := time.Now()
	for i := 0; i < n; i++ {
		if inflight.tryAcquire() {
			return 0, 0, errors.New("it was full, and admitted")
		}
	}
	return n, time.Since(start), nil
}

// While contended every other processor does the same.
func admitRelease(contended bool) Work {
	return func(n int) (int, time.Duration, error) {
		inflight := make(places, 1000)
		var done atomic.Bool
		var others sync.WaitGroup
		for i := 1; contended && (i == 1 || i < runtime.GOMAXPROCS(0)); i++ {
			others.Add(1)
			go func() {
				defer others.Done()
				for !done.Load() {
					if inflight.tryAcquire() {
						inflight.release()
					}
				}
			}()
		}
		start := time.Now()
		for i := 0; i < n; i++ {
			if !inflight.tryAcquire() {
				return 0, 0, errors.New("it had room, and refused")
			}
			inflight.release()
		}
		took := time.Since(start)
		done.Store(true)
		others.Wait()
		return n, took, nil
	}
}

// Limits by key: a map behind a lock, as is written where keys may come and go.
type tenants struct {
	lock   sync.RWMutex
	places map[string]places
}

func (t *tenants) of(key string) places {
	t.lock.RLock()
	found, known := t.places[key]
	t.lock.RUnlock()
	if known {
		return found
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	if found, known = t.places[key]; !known {
		found = make(places, 20)
		t.places[key] = found
	}
	return found
}

func tenant(keys int) Work {
	return func(n int) (int, time.Duration, error) {
		names := make([]string, keys)
		for i := range names {
			// In no order that the map has; 61 shares no factor with the number.
			names[i*61%keys] = "tenant-" + strconv.Itoa(i)
		}
		all := tenants{places: make(map[string]places)}
		for _, name := range names {
			all.of(name)
		}
		start := time.Now()
		for i := 0; i < n; i++ {
			inflight := all.of(names[i%keys])
			if !inflight.tryAcquire() {
				return 0, 0, errors.New("it had room, and refused")
			}
			inflight.release()
		}
		return n, time.Since(start), nil
	}
}

// The generic cell rate algorithm on one word; time is passed in.
type cellRate struct {
	fullAt      atomic.Int64
	each, burst int64
}

func (r *cellRate) tryAcquire(now int64) bool {
	for {
		seen := r.fullAt.Load()
		charged := now + r.each
		if seen > now {
			charged = seen + r.each
		}
		if charged-now > r.burst {
			return false
		}
		if r.fullAt.CompareAndSwap(seen, charged) {
			return true
		}
	}
}

func gcra(n int) (int, time.Duration, error) {
	rate := cellRate{each: 500, burst: 500_000}
	now := int64(time.Hour)
	start := time.Now()
	for i := 0; i < n; i++ {
		now += 1000
		if !rate.tryAcquire(now) {
			return 0, 0, errors.New("it was slow enough, and refused")
		}
	}
	return n, time.Since(start), nil
}

func poolSubmitRun(n int) (int, time.Duration, error) {
	jobs := make(chan func(), 4096)
	var workers sync.WaitGroup
	var ran atomic.Int64
	for i := 0; i < 4; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for job := range jobs {
				job()
				ran.Add(1)
			}
		}()
	}
	start := time.Now()
	for i := 0; i < n; i++ {
		jobs <- func() {}
	}
	close(jobs)
	workers.Wait()
	took := time.Since(start)
	if int(ran.Load()) != n {
		return 0, 0, errors.New("jobs were lost")
	}
	return n, took, nil
}

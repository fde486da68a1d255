package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"weir/bench/peers/internal/semaphore"
)

// allOf runs `work` on so many goroutines at once.
func allOf(goroutines int, work func()) time.Duration {
	var joined sync.WaitGroup
	start := time.Now()
	for i := 0; i < goroutines; i++ {
		joined.Add(1)
		go func() {
			defer joined.Done()
			work()
		}()
	}
	joined.Wait()
	return time.Since(start)
}

func yields(n int) (int, time.Duration, error) {
	const goroutines = 2
	took := allOf(goroutines, func() {
		for i := 0; i < n/goroutines; i++ {
			runtime.Gosched()
		}
	})
	return n / goroutines * goroutines, took, nil
}

func locks(goroutines int) Work {
	return func(n int) (int, time.Duration, error) {
		var mutex sync.Mutex
		value := 0
		took := allOf(goroutines, func() {
			for i := 0; i < n/goroutines; i++ {
				mutex.Lock()
				value++
				mutex.Unlock()
			}
		})
		if value != n/goroutines*goroutines {
			return 0, 0, fmt.Errorf("two held the lock at once")
		}
		return value, took, nil
	}
}

func acquires(units int64, goroutines int) Work {
	return func(n int) (int, time.Duration, error) {
		weighted := semaphore.NewWeighted(units)
		ctx := context.Background()
		var failed sync.Once
		var failure error
		took := allOf(goroutines, func() {
			for i := 0; i < n/goroutines; i++ {
				if err := weighted.Acquire(ctx, 1); err != nil {
					failed.Do(func() { failure = err })
					return
				}
				weighted.Release(1)
			}
		})
		return n / goroutines * goroutines, took, failure
	}
}

// timers: created and stopped before they fire.
func timers(n int) (int, time.Duration, error) {
	start := time.Now()
	for i := 0; i < n; i++ {
		if !time.NewTimer(5 * time.Second).Stop() {
			return 0, 0, fmt.Errorf("a timer fired")
		}
	}
	return n, time.Since(start), nil
}

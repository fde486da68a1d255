package main

import (
	"fmt"
	"sync"
	"time"
)

// pass sends n values through one channel, from as many producers as consumers.
func pass(pairs, capacity int) Work {
	return func(n int) (int, time.Duration, error) {
		values := make(chan uint64, capacity)
		received := make([]int, pairs)
		var producers, consumers sync.WaitGroup
		start := time.Now()
		for i := 0; i < pairs; i++ {
			producers.Add(1)
			go func() {
				defer producers.Done()
				for value := 0; value < n/pairs; value++ {
					values <- uint64(value)
				}
			}()
			consumers.Add(1)
			go func(count *int) {
				defer consumers.Done()
				all := 0
				for range values {
					all++
				}
				*count = all
			}(&received[i])
		}
		producers.Wait()
		close(values)
		consumers.Wait()
		took := time.Since(start)
		all := 0
		for _, count := range received {
			all += count
		}
		if all != n/pairs*pairs {
			return 0, 0, fmt.Errorf("%d of %d values arrived", all, n)
		}
		return all, took, nil
	}
}

// pingPong: there and back over two unbuffered channels is one operation.
func pingPong(n int) (int, time.Duration, error) {
	ping, pong := make(chan uint64), make(chan uint64)
	go func() {
		for ball := range ping {
			pong <- ball
		}
	}()
	start := time.Now()
	for i := 0; i < n; i++ {
		ping <- uint64(i)
		if ball := <-pong; ball != uint64(i) {
			return 0, 0, fmt.Errorf("got ball %d, want %d", ball, i)
		}
	}
	took := time.Since(start)
	close(ping)
	return n, took, nil
}

// selects: two channels of one slot that are both ready; the one that was received
// from is filled again.
func selects(n int) (int, time.Duration, error) {
	first, second := make(chan uint64, 1), make(chan uint64, 1)
	first <- 1
	second <- 2
	start := time.Now()
	for i := 0; i < n; i++ {
		select {
		case <-first:
			first <- uint64(i)
		case <-second:
			second <- uint64(i)
		}
	}
	return n, time.Since(start), nil
}

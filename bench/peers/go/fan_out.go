package main

import (
	"fmt"
	"sync"
	"time"
)

const (
	fanOutItems  = 1000
	fanOutAtOnce = 8
)

// fanOut: rounds of 1,000 items, a goroutine each, at most eight at once by a
// buffered channel, results in the items' order. The counterpart of fan_out/1000
// in weir_bounds_bench.
func fanOut(n int) (int, time.Duration, error) {
	rounds := n / fanOutItems
	start := time.Now()
	for round := 0; round < rounds; round++ {
		results := make([]int, fanOutItems)
		errors := make([]error, fanOutItems)
		places := make(chan struct{}, fanOutAtOnce)
		var joined sync.WaitGroup
		for i := 0; i < fanOutItems; i++ {
			places <- struct{}{}
			joined.Add(1)
			go func(i int) {
				defer joined.Done()
				results[i], errors[i] = answer(i)
				<-places
			}(i)
		}
		joined.Wait()
		for i, result := range results {
			if errors[i] != nil || result != i {
				return 0, 0, fmt.Errorf("item %d: %d, %v", i, result, errors[i])
			}
		}
	}
	return rounds * fanOutItems, time.Since(start), nil
}

//go:noinline
func answer(item int) (int, error) { return item, nil }

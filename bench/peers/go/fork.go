package main

import (
	"fmt"
	"sync"
	"time"
)

// skynet: a tree of goroutines ten wide, whose n leaves send their numbers up.
func skynet(n int) (int, time.Duration, error) {
	start := time.Now()
	sum := make(chan int, 1)
	go skynetNode(sum, 0, n)
	got := <-sum
	took := time.Since(start)
	if want := n * (n - 1) / 2; got != want {
		return 0, 0, fmt.Errorf("got %d, want %d", got, want)
	}
	return n, took, nil
}

func skynetNode(up chan<- int, first, size int) {
	if size == 1 {
		up <- first
		return
	}
	const children = 10
	sums := make(chan int, children)
	for i := 0; i < children; i++ {
		go skynetNode(sums, first+i*(size/children), size/children)
	}
	sum := 0
	for i := 0; i < children; i++ {
		sum += <-sums
	}
	up <- sum
}

// fibonacci: a goroutine for one of the two calls of each call, the other inline.
// Every call counts.
func fibonacci(n int) (int, time.Duration, error) {
	start := time.Now()
	got := fib(n)
	took := time.Since(start)
	a, b := 0, 1
	for i := 0; i < n; i++ {
		a, b = b, a+b
	}
	if got != a {
		return 0, 0, fmt.Errorf("got %d, want %d", got, a)
	}
	return 2*b - 1, took, nil
}

func fib(n int) int {
	if n < 2 {
		return n
	}
	var left int
	var joined sync.WaitGroup
	joined.Add(1)
	go func() {
		left = fib(n - 1)
		joined.Done()
	}()
	right := fib(n - 2)
	joined.Wait()
	return left + right
}

// What each n has, from n = 0.
var solutions = []int{1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200, 73712, 365596}

// nqueens: a goroutine for each queen that may stand.
func nqueens(n int) (int, time.Duration, error) {
	if n >= len(solutions) {
		return 0, 0, fmt.Errorf("n is below %d", len(solutions))
	}
	start := time.Now()
	got, calls := place(make([]byte, 0, n), n)
	took := time.Since(start)
	if got != solutions[n] {
		return 0, 0, fmt.Errorf("got %d, want %d", got, solutions[n])
	}
	return calls, took, nil
}

// place returns the solutions from here on, and how many calls that took.
func place(rows []byte, n int) (int, int) {
	if len(rows) == n {
		return 1, 1
	}
	var found, calls [16]int
	var joined sync.WaitGroup
	for row := 0; row < n; row++ {
		if !fits(rows, byte(row)) {
			continue
		}
		joined.Add(1)
		go func(row int) {
			next := make([]byte, len(rows)+1, n)
			copy(next, rows)
			next[len(rows)] = byte(row)
			found[row], calls[row] = place(next, n)
			joined.Done()
		}(row)
	}
	joined.Wait()
	all, called := 0, 1
	for row := 0; row < n; row++ {
		all += found[row]
		called += calls[row]
	}
	return all, called
}

func fits(rows []byte, row byte) bool {
	for i, other := range rows {
		distance := byte(len(rows) - i)
		if other == row || other == row+distance || other+distance == row {
			return false
		}
	}
	return true
}

// spawnJoin: one at a time.
func spawnJoin(n int) (int, time.Duration, error) {
	start := time.Now()
	var joined sync.WaitGroup
	for i := 0; i < n; i++ {
		joined.Add(1)
		go joined.Done()
		joined.Wait()
	}
	return n, time.Since(start), nil
}

package main

import "testing"

func TestEveryBenchmarkOfASmallSizeComesToItsResult(t *testing.T) {
	small := map[string]int{"skynet/100000000": 1000, "fib/39": 10, "nqueens/14": 6}
	for name, each := range benchmarks {
		n := 2000
		if size, special := small[name]; special {
			n = size
		}
		operations, took, err := each.work(n)
		if err != nil || operations < n || took <= 0 {
			t.Errorf("%s: %d operations in %v: %v", name, operations, took, err)
		}
	}
}

func TestCallsAreCountedAsTheyAreMade(t *testing.T) {
	if calls, _, err := fibonacci(10); err != nil || calls != 177 {
		t.Errorf("fib: %d calls, %v", calls, err)
	}
	if calls, _, err := nqueens(4); err != nil || calls != 17 {
		t.Errorf("nqueens: %d calls, %v", calls, err)
	}
}

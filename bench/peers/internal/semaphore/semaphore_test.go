package semaphore

import (
	"context"
	"runtime"
	"sync"
	"testing"
)

func waitFor(t *testing.T, s *Weighted, waiters int) {
	t.Helper()
	for {
		s.mu.Lock()
		length := s.waiters.Len()
		s.mu.Unlock()
		if length == waiters {
			return
		}
		runtime.Gosched()
	}
}

func TestNoMoreUnitsAreHeldThanThereAre(t *testing.T) {
	s := NewWeighted(3)
	var mu sync.Mutex
	held, peak := 0, 0
	var joined sync.WaitGroup
	for i := 0; i < 50; i++ {
		joined.Add(1)
		go func() {
			defer joined.Done()
			if err := s.Acquire(context.Background(), 1); err != nil {
				t.Error(err)
			}
			mu.Lock()
			held++
			if held > peak {
				peak = held
			}
			mu.Unlock()
			runtime.Gosched()
			mu.Lock()
			held--
			mu.Unlock()
			s.Release(1)
		}()
	}
	joined.Wait()
	if peak > 3 || !s.TryAcquire(3) {
		t.Errorf("peak %d, or not all came back", peak)
	}
}

func TestALightRequestDoesNotOvertakeAHeavyOne(t *testing.T) {
	s := NewWeighted(2)
	if !s.TryAcquire(1) {
		t.Fatal("refused")
	}
	order := make(chan int64, 2)
	for place, weight := range []int64{2, 1} {
		weight := weight
		go func() {
			if err := s.Acquire(context.Background(), weight); err != nil {
				t.Error(err)
			}
			order <- weight
		}()
		waitFor(t, s, place+1)
	}
	if s.TryAcquire(1) {
		t.Error("overtook both")
	}
	s.Release(1)
	if first := <-order; first != 2 {
		t.Errorf("the first had weight %d", first)
	}
	s.Release(2)
	<-order
}

func TestOneThatGivesUpTakesNothingAndLetsOthersPass(t *testing.T) {
	s := NewWeighted(2)
	if !s.TryAcquire(1) {
		t.Fatal("refused")
	}
	ctx, cancel := context.WithCancel(context.Background())
	gaveUp := make(chan error)
	go func() { gaveUp <- s.Acquire(ctx, 2) }()
	waitFor(t, s, 1)
	served := make(chan error)
	go func() { served <- s.Acquire(context.Background(), 1) }()
	waitFor(t, s, 2)
	cancel()
	if err := <-gaveUp; err != context.Canceled {
		t.Errorf("got %v", err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	s.Release(2)
	if !s.TryAcquire(2) {
		t.Error("units were lost")
	}
}

// Package semaphore has a weighted semaphore that serves in order of arrival, as
// golang.org/x/sync/semaphore does, which the standard library lacks.
package semaphore

import (
	"container/list"
	"context"
	"sync"
)

type waiter struct {
	weight int64
	ready  chan struct{} // closed when it has its units
}

// Weighted: nobody overtakes, so that a heavy request is not starved by light ones.
type Weighted struct {
	size    int64
	mu      sync.Mutex
	used    int64
	waiters list.List
}

func NewWeighted(size int64) *Weighted { return &Weighted{size: size} }

// Acquire waits for the units, or for the end of ctx; then it has taken nothing.
func (s *Weighted) Acquire(ctx context.Context, weight int64) error {
	s.mu.Lock()
	if s.size-s.used >= weight && s.waiters.Len() == 0 {
		s.used += weight
		s.mu.Unlock()
		return nil
	}
	if weight > s.size {
		s.mu.Unlock()
		<-ctx.Done() // there will never be so many
		return ctx.Err()
	}
	ready := make(chan struct{})
	place := s.waiters.PushBack(waiter{weight, ready})
	s.mu.Unlock()
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return s.giveUp(ctx, place, ready)
	}
}

func (s *Weighted) giveUp(ctx context.Context, place *list.Element, ready chan struct{}) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-ready:
		return nil // it had been served already
	default:
	}
	wasFirst := s.waiters.Front() == place
	s.waiters.Remove(place)
	if wasFirst {
		s.serve() // those behind it may need less
	}
	return ctx.Err()
}

// TryAcquire does not wait.
func (s *Weighted) TryAcquire(weight int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.size-s.used < weight || s.waiters.Len() > 0 {
		return false
	}
	s.used += weight
	return true
}

// Release gives units back.
func (s *Weighted) Release(weight int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= weight
	if s.used < 0 {
		panic("semaphore: more released than held")
	}
	s.serve()
}

func (s *Weighted) serve() {
	for first := s.waiters.Front(); first != nil; first = s.waiters.Front() {
		next := first.Value.(waiter)
		if s.size-s.used < next.weight {
			return
		}
		s.used += next.weight
		s.waiters.Remove(first)
		close(next.ready)
	}
}

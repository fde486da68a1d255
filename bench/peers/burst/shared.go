package main

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"weir/bench/peers/internal/latency"
)

// Goroutines that submit.
const generatorCount = 1000

// counts is all that a run says of itself: memory that both processes see, so
// that it can be read whatever has become of the one that works.
type counts struct {
	generators [generatorCount]generator
	inside     latency.Histogram // inside the job: memory and waiting
	total      latency.Histogram // from submission to completion

	running     atomic.Int64 // naive mode: jobs begun and not done
	runningPeak atomic.Int64
	workers     atomic.Int64 // pool mode
	workersPeak atomic.Int64
	queued      atomic.Int64
	windowNs    atomic.Int64 // how long was submitted; 0 before that is over
}

// generator counts for one goroutine alone, on a cache line of its own, so that a
// million counts a second cost nothing.
type generator struct {
	submitted atomic.Uint64
	rejected  atomic.Uint64
	_         [48]byte
}

const countsBytes = int(unsafe.Sizeof(counts{}))

// newCountsFile makes the memory: a file without a name.
func newCountsFile() (*os.File, error) {
	folder := "/dev/shm"
	if _, err := os.Stat(folder); err != nil {
		folder = os.TempDir()
	}
	file, err := os.CreateTemp(folder, "burst")
	if err != nil {
		return nil, err
	}
	os.Remove(file.Name())
	if err := file.Truncate(int64(countsBytes)); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// mapCounts gives the memory, which stays mapped for as long as the process lives.
func mapCounts(file *os.File) (*counts, error) {
	memory, err := syscall.Mmap(int(file.Fd()), 0, countsBytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping the counts: %w", err)
	}
	return (*counts)(unsafe.Pointer(&memory[0])), nil
}

func (c *counts) submissions() (submitted, rejected uint64) {
	for i := range c.generators {
		submitted += c.generators[i].submitted.Load()
		rejected += c.generators[i].rejected.Load()
	}
	return submitted, rejected
}

func raise(peak *atomic.Int64, value int64) {
	for old := peak.Load(); value > old && !peak.CompareAndSwap(old, value); old = peak.Load() {
	}
}

// Package latency counts durations in buckets, cheaply enough to stand inside
// what it measures: recording is one atomic addition and no allocation.
//
// Buckets are log-linear: each power of two of nanoseconds is cut into 64 equal
// parts, so that a percentile is off by at most 1/64 of itself.
package latency

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	partsLog2 = 6
	parts     = 1 << partsLog2
	// Values of up to 2^42 ns, a little over an hour, are told apart; longer ones count as that.
	exponentMax = 42
	buckets     = (exponentMax - partsLog2 + 1) * parts
)

// Histogram may be recorded into from any goroutine. Its zero value is empty.
type Histogram struct {
	counts [buckets]atomic.Uint64
	sum    atomic.Uint64
	max    atomic.Uint64
}

// Record counts one duration; a negative one counts as 0.
func (h *Histogram) Record(d time.Duration) {
	ns := uint64(0)
	if d > 0 {
		ns = uint64(d)
	}
	h.counts[bucketOf(ns)].Add(1)
	h.sum.Add(ns)
	for old := h.max.Load(); ns > old && !h.max.CompareAndSwap(old, ns); old = h.max.Load() {
	}
}

// Count is exact once nobody records any more.
func (h *Histogram) Count() uint64 {
	total := uint64(0)
	for i := range h.counts {
		total += h.counts[i].Load()
	}
	return total
}

// Mean is 0 when nothing was recorded.
func (h *Histogram) Mean() time.Duration {
	count := h.Count()
	if count == 0 {
		return 0
	}
	return time.Duration(h.sum.Load() / count)
}

func (h *Histogram) Max() time.Duration { return time.Duration(h.max.Load()) }

// Quantile gives the middle of the bucket that holds the q-th of all values (q
// from 0 to 1), and never more than Max; 0 when nothing was recorded.
func (h *Histogram) Quantile(q float64) time.Duration {
	count := h.Count()
	if count == 0 {
		return 0
	}
	rank := uint64(q*float64(count) + 0.5)
	if rank < 1 {
		rank = 1
	}
	seen := uint64(0)
	for i := range h.counts {
		seen += h.counts[i].Load()
		if seen >= rank {
			middle := (lowest(i) + lowest(i+1)) / 2
			if max := h.max.Load(); middle > max {
				middle = max
			}
			return time.Duration(middle)
		}
	}
	return h.Max()
}

func bucketOf(ns uint64) int {
	if ns < parts {
		return int(ns)
	}
	shift := bits.Len64(ns) - 1 - partsLog2
	// The leading bit is implied by the shift; what follows it tells the part.
	index := shift*parts + int(ns>>uint(shift))
	if index >= buckets {
		return buckets - 1
	}
	return index
}

// lowest is the least value in a bucket: the inverse of bucketOf.
func lowest(index int) uint64 {
	if index < 2*parts {
		return uint64(index)
	}
	shift := uint(index/parts - 1)
	return uint64(parts+index%parts) << shift
}

// Milliseconds is how results are printed.
func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

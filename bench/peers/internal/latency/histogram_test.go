package latency

import (
	"math"
	"testing"
	"time"
)

func TestBucketsAreContiguousAndEachHoldsItsLowestValue(t *testing.T) {
	for i := 0; i < buckets; i++ {
		if got := bucketOf(lowest(i)); got != i {
			t.Fatalf("bucketOf(lowest(%d)) = %d", i, got)
		}
		if i > 0 && bucketOf(lowest(i)-1) != i-1 {
			t.Fatalf("the value below bucket %d is in bucket %d", i, bucketOf(lowest(i)-1))
		}
	}
	if got := bucketOf(math.MaxUint64); got != buckets-1 {
		t.Fatalf("the longest value is in bucket %d", got)
	}
}

func TestQuantilesOfAUniformSpreadAreWithinOneBucket(t *testing.T) {
	var h Histogram
	const n = 100000
	for i := 1; i <= n; i++ {
		h.Record(time.Duration(i) * time.Microsecond)
	}
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 0.999} {
		want := q * n * 1000
		if got := float64(h.Quantile(q)); math.Abs(got-want) > want/64 {
			t.Errorf("quantile %v is %v ns, not within 1/64 of %v", q, got, want)
		}
	}
	if h.Count() != n || h.Max() != n*time.Microsecond || h.Quantile(1) > h.Max() {
		t.Errorf("count %d, max %v, quantile(1) %v", h.Count(), h.Max(), h.Quantile(1))
	}
	if mean := h.Mean(); mean != 50000500*time.Nanosecond {
		t.Errorf("mean %v", mean)
	}
}

func TestAnEmptyHistogramSaysZero(t *testing.T) {
	var h Histogram
	if h.Mean() != 0 || h.Quantile(0.99) != 0 || h.Max() != 0 {
		t.Error("an empty histogram has values")
	}
}

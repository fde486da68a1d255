package main

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"weir/bench/peers/internal/latency"
)

const (
	statusMax = 599
	// After a connection that could not be made, so that a dead server costs no core.
	connectPause = 20 * time.Millisecond
)

type Errors struct {
	Connect   uint64 `json:"connect"`
	Closed    uint64 `json:"closed"` // by the server, before the reply was whole
	TimedOut  uint64 `json:"timed_out"`
	Malformed uint64 `json:"malformed"`
}

type Status struct {
	Status        int     `json:"status"`
	Count         uint64  `json:"count"`
	LatencyMsMean float64 `json:"latency_ms_mean"`
	LatencyMsP50  float64 `json:"latency_ms_p50"`
	LatencyMsP90  float64 `json:"latency_ms_p90"`
	LatencyMsP99  float64 `json:"latency_ms_p99"`
	LatencyMsP999 float64 `json:"latency_ms_p999"`
	LatencyMsMax  float64 `json:"latency_ms_max"`
}

type Report struct {
	URL         string   `json:"url"`
	Connections int      `json:"connections"`
	Seconds     float64  `json:"seconds"`
	Replies     uint64   `json:"replies"`
	RepliesPerS float64  `json:"replies_per_s"`
	Connects    uint64   `json:"connects"` // Connections when every one stayed open
	Errors      Errors   `json:"errors"`
	Statuses    []Status `json:"statuses"`
}

type load struct {
	target      *url.URL
	connections int
	timeout     time.Duration
	request     []byte
	stopping    chan struct{}

	statuses                           [statusMax + 1]latency.Histogram
	connects                           atomic.Uint64
	connect, closed, late, unparseable atomic.Uint64
}

func newLoad(target *url.URL, connections int, timeout time.Duration) *load {
	request := "GET " + target.RequestURI() + " HTTP/1.1\r\nHost: " + target.Host + "\r\n\r\n"
	return &load{
		target:      target,
		connections: connections,
		timeout:     timeout,
		request:     []byte(request),
		stopping:    make(chan struct{}),
	}
}

// run begins requests for `window`, and waits for the replies to those begun.
func (l *load) run(ctx context.Context, window time.Duration) Report {
	began := time.Now()
	var running sync.WaitGroup
	running.Add(l.connections)
	for i := 0; i < l.connections; i++ {
		go func() {
			defer running.Done()
			for !l.isStopping() {
				l.connection()
			}
		}()
	}
	select {
	case <-ctx.Done():
	case <-time.After(window):
	}
	close(l.stopping)
	running.Wait()
	return l.report(time.Since(began))
}

func (l *load) isStopping() bool {
	select {
	case <-l.stopping:
		return true
	default:
		return false
	}
}

// connection opens one and sends request after request until it ends or time is up.
func (l *load) connection() {
	conn, err := net.DialTimeout("tcp", l.target.Host, l.timeout)
	if err != nil {
		l.connect.Add(1)
		time.Sleep(connectPause)
		return
	}
	defer conn.Close()
	l.connects.Add(1)
	reader := bufio.NewReaderSize(conn, 8<<10)
	for !l.isStopping() {
		began := time.Now()
		reply, err := l.exchange(conn, reader, began.Add(l.timeout))
		if err != nil {
			l.countError(err)
			return
		}
		l.statuses[reply.status].Record(time.Since(began))
		if reply.last {
			return
		}
	}
}

func (l *load) exchange(conn net.Conn, reader *bufio.Reader, deadline time.Time) (reply, error) {
	if err := conn.SetDeadline(deadline); err != nil {
		return reply{}, err
	}
	if _, err := conn.Write(l.request); err != nil {
		return reply{}, err
	}
	return readReply(reader)
}

func (l *load) countError(err error) {
	switch {
	case errors.Is(err, errMalformed):
		l.unparseable.Add(1)
	case errors.Is(err, os.ErrDeadlineExceeded):
		l.late.Add(1)
	default: // io.EOF, io.ErrUnexpectedEOF, a reset, a broken pipe
		l.closed.Add(1)
	}
}

func (l *load) report(elapsed time.Duration) Report {
	r := Report{
		URL:         l.target.String(),
		Connections: l.connections,
		Seconds:     elapsed.Seconds(),
		Connects:    l.connects.Load(),
		Errors: Errors{
			Connect:   l.connect.Load(),
			Closed:    l.closed.Load(),
			TimedOut:  l.late.Load(),
			Malformed: l.unparseable.Load(),
		},
		Statuses: []Status{},
	}
	for code := range l.statuses {
		h := &l.statuses[code]
		count := h.Count()
		if count == 0 {
			continue
		}
		r.Replies += count
		r.Statuses = append(r.Statuses, Status{
			Status:        code,
			Count:         count,
			LatencyMsMean: latency.Milliseconds(h.Mean()),
			LatencyMsP50:  latency.Milliseconds(h.Quantile(0.5)),
			LatencyMsP90:  latency.Milliseconds(h.Quantile(0.9)),
			LatencyMsP99:  latency.Milliseconds(h.Quantile(0.99)),
			LatencyMsP999: latency.Milliseconds(h.Quantile(0.999)),
			LatencyMsMax:  latency.Milliseconds(h.Max()),
		})
	}
	r.RepliesPerS = float64(r.Replies) / elapsed.Seconds()
	return r
}

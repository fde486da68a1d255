package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"
)

func TestAnswersAsTheServersItIsComparedWith(t *testing.T) {
	server := httptest.NewServer(newHandler())
	defer server.Close()
	for path, want := range map[string]string{
		"/plaintext":  "Hello, World!",
		"/json":       "{\"message\":\"Hello, World!\"}\n",
		"/heavy?ms=1": "Hello, World!",
	} {
		reply, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(reply.Body)
		reply.Body.Close()
		if err != nil || reply.StatusCode != http.StatusOK || string(body) != want {
			t.Errorf("%s: %d %q %v", path, reply.StatusCode, body, err)
		}
	}
}

func TestComputingTakesProcessorTime(t *testing.T) {
	start := threadTimeOfSelf()
	compute(5 * time.Millisecond)
	if took := threadTimeOfSelf() - start; took < 5*time.Millisecond {
		t.Errorf("5ms of computing took %v of the process's time", took)
	}
}

// Of all its threads.
func threadTimeOfSelf() time.Duration {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

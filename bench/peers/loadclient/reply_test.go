package main

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestRepliesOnOneConnectionAreReadOneAfterAnother(t *testing.T) {
	r := bufio.NewReader(strings.NewReader(
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" +
			"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Service Unavailable\r\ncontent-length:0\r\n\r\n" +
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nDigest: 1\r\n\r\n" +
			"HTTP/1.1 204 No Content\r\n\r\n" +
			"HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"))
	want := []reply{{200, false}, {503, false}, {200, false}, {204, false}, {429, true}}
	for i, wanted := range want {
		got, err := readReply(r)
		if err != nil || got != wanted {
			t.Fatalf("reply %d: %+v, %v", i, got, err)
		}
	}
	if _, err := readReply(r); !errors.Is(err, io.EOF) {
		t.Errorf("after the last reply: %v", err)
	}
}

func TestAReplyWithoutALengthEndsWithItsConnection(t *testing.T) {
	got, err := readReply(bufio.NewReader(strings.NewReader("HTTP/1.1 200 OK\r\n\r\nto the end")))
	if err != nil || got != (reply{200, true}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWhatIsNoReplyIsMalformed(t *testing.T) {
	for _, text := range []string{
		"garbage that is long enough\r\n\r\n",
		"HTTP/1.1 abc OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
		"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", fieldsMax+1) + "\r\n",
		strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", interimMax+2),
		strings.Repeat("x", 5000) + "\n",
	} {
		if _, err := readReply(bufio.NewReader(strings.NewReader(text))); !errors.Is(err, errMalformed) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

func TestAReplyCutShortIsNotAWholeOne(t *testing.T) {
	whole := "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
	for end := 20; end < len(whole); end++ {
		_, err := readReply(bufio.NewReader(strings.NewReader(whole[:end])))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut at %d: %v", end, err)
		}
	}
}

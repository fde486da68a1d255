package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

var errMalformed = errors.New("malformed reply")

const (
	fieldsMax  = 100
	interimMax = 8
)

// reply is what matters of one: its body has been read and thrown away.
type reply struct {
	status int
	last   bool // the connection takes no further request
}

// readReply reads one reply to a GET, with whatever 1xx stand before it. Lines
// longer than the reader's buffer are malformed.
func readReply(r *bufio.Reader) (reply, error) {
	for interim := 0; interim <= interimMax; interim++ {
		answer, body, err := readHead(r)
		if err != nil {
			return reply{}, err
		}
		if answer.status < 200 {
			continue
		}
		return answer, body.discard(r)
	}
	return reply{}, fmt.Errorf("%w: more than %d interim replies", errMalformed, interimMax)
}

type body struct {
	length    int64 // unless chunked; -1: as far as the connection goes
	isChunked bool
}

func readHead(r *bufio.Reader) (reply, body, error) {
	line, err := readLine(r)
	if err != nil {
		return reply{}, body{}, err
	}
	// "HTTP/1.1 200 OK"
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) || line[8] != ' ' {
		return reply{}, body{}, fmt.Errorf("%w: status line %q", errMalformed, line)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil || status < 100 || status > statusMax {
		return reply{}, body{}, fmt.Errorf("%w: status line %q", errMalformed, line)
	}
	answer := reply{status: status, last: line[7] == '0'}
	content := body{length: -1}
	for fields := 0; fields <= fieldsMax; fields++ {
		line, err := readLine(r)
		if err != nil {
			return reply{}, body{}, unexpected(err)
		}
		if len(line) == 0 {
			if status == 204 || status == 304 {
				content = body{}
			}
			answer.last = answer.last || (content.length < 0 && !content.isChunked)
			return answer, content, nil
		}
		if err := readField(line, &answer, &content); err != nil {
			return reply{}, body{}, err
		}
	}
	return reply{}, body{}, fmt.Errorf("%w: more than %d fields", errMalformed, fieldsMax)
}

func readField(line []byte, answer *reply, content *body) error {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 {
		return fmt.Errorf("%w: field %q", errMalformed, line)
	}
	name, value := line[:colon], bytes.TrimSpace(line[colon+1:])
	switch {
	case bytes.EqualFold(name, []byte("Content-Length")):
		length, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil || length < 0 {
			return fmt.Errorf("%w: Content-Length %q", errMalformed, value)
		}
		content.length = length
	case bytes.EqualFold(name, []byte("Transfer-Encoding")):
		if !bytes.EqualFold(value, []byte("chunked")) {
			return fmt.Errorf("%w: Transfer-Encoding %q", errMalformed, value)
		}
		content.isChunked = true
	case bytes.EqualFold(name, []byte("Connection")):
		answer.last = answer.last || bytes.EqualFold(value, []byte("close"))
	}
	return nil
}

func (b body) discard(r *bufio.Reader) error {
	if b.isChunked {
		return discardChunks(r)
	}
	if b.length < 0 {
		_, err := io.Copy(io.Discard, r)
		return err
	}
	return discardBytes(r, b.length)
}

func discardChunks(r *bufio.Reader) error {
	for {
		line, err := readLine(r)
		if err != nil {
			return unexpected(err)
		}
		digits, _, _ := bytes.Cut(line, []byte(";"))
		size, err := strconv.ParseInt(string(bytes.TrimSpace(digits)), 16, 64)
		if err != nil || size < 0 {
			return fmt.Errorf("%w: chunk size %q", errMalformed, line)
		}
		if size == 0 {
			return discardTrailers(r)
		}
		if err := discardBytes(r, size); err != nil {
			return err
		}
		if line, err := readLine(r); err != nil || len(line) != 0 {
			return fmt.Errorf("%w: chunk longer than announced", errMalformed)
		}
	}
}

func discardTrailers(r *bufio.Reader) error {
	for fields := 0; fields <= fieldsMax; fields++ {
		line, err := readLine(r)
		if err != nil {
			return unexpected(err)
		}
		if len(line) == 0 {
			return nil
		}
	}
	return fmt.Errorf("%w: more than %d trailers", errMalformed, fieldsMax)
}

func discardBytes(r *bufio.Reader, count int64) error {
	for count > 0 {
		step := count
		if step > 1<<20 {
			step = 1 << 20
		}
		discarded, err := r.Discard(int(step))
		if err != nil {
			return unexpected(err)
		}
		count -= int64(discarded)
	}
	return nil
}

// readLine gives a line without its end, valid until the next read.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("%w: a line of more than %d bytes", errMalformed, r.Size())
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

// unexpected tells the end of a connection inside a reply from one between two.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

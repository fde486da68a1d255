package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// rssBytes is a process's resident memory; 0 when it has ended.
func rssBytes(process int) uint64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", process))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}

func memoryAvailableBytes() uint64 { return kilobytesIn("/proc/meminfo", "MemAvailable:") }

// kilobytesIn reads lines such as "VmHWM:     1234 kB"; 0 where there is none.
func kilobytesIn(path, name string) uint64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == name {
			kilobytes, err := strconv.ParseUint(fields[1], 10, 64)
			if err != nil {
				return 0
			}
			return kilobytes << 10
		}
	}
	return 0
}

// bytesFlag takes 500000, 500KB, 12GB, 512KiB, 8GiB.
type bytesFlag uint64

func (b *bytesFlag) String() string { return strconv.FormatUint(uint64(*b), 10) }

func (b *bytesFlag) Set(text string) error {
	units := []struct {
		suffix string
		bytes  uint64
	}{
		{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
		{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1},
	}
	number, unit := text, uint64(1)
	for _, u := range units {
		if strings.HasSuffix(text, u.suffix) {
			number, unit = strings.TrimSuffix(text, u.suffix), u.bytes
			break
		}
	}
	value, err := strconv.ParseUint(number, 10, 64)
	if err != nil || value > (1<<50)/unit {
		return fmt.Errorf("want a size such as 500000, 500KB or 8GiB")
	}
	*b = bytesFlag(value * unit)
	return nil
}

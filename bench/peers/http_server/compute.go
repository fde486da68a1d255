package main

import (
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

const clockThread = 3 // CLOCK_THREAD_CPUTIME_ID

// compute takes so much processor time of its thread.
func compute(span time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	until := threadTime() + span
	for threadTime() < until {
	}
}

func threadTime() time.Duration {
	var t syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockThread, uintptr(unsafe.Pointer(&t)), 0)
	return time.Duration(t.Nano())
}

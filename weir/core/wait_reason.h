// What a task waits for, in the words of Go's runtime, so that who can read a
// goroutine dump can read ours.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::core {

enum class WaitReason : std::uint8_t {
  none,
  sleep,
  io_wait,
  semaphore,
  mutex,
  shared_mutex_read,
  shared_mutex_write,
  condition,
  wait_group,
  event,
  once,
  channel_receive,
  channel_send,
  select,
  blocking_call,
  scope,
  fork,
  job_queue,
  idle_worker,
};

constexpr std::string_view label(WaitReason reason) {
  switch (reason) {
    case WaitReason::none: return "";
    case WaitReason::sleep: return "sleep";
    case WaitReason::io_wait: return "IO wait";
    case WaitReason::semaphore: return "semacquire";
    case WaitReason::mutex: return "sync.Mutex.Lock";
    case WaitReason::shared_mutex_read: return "sync.RWMutex.RLock";
    case WaitReason::shared_mutex_write: return "sync.RWMutex.Lock";
    case WaitReason::condition: return "sync.Cond.Wait";
    case WaitReason::wait_group: return "sync.WaitGroup.Wait";
    case WaitReason::event: return "event";
    case WaitReason::once: return "sync.Once.Do";
    case WaitReason::channel_receive: return "chan receive";
    case WaitReason::channel_send: return "chan send";
    case WaitReason::select: return "select";
    case WaitReason::blocking_call: return "syscall";
    case WaitReason::scope: return "children";
    case WaitReason::fork: return "forks";
    case WaitReason::job_queue: return "job queue";
    case WaitReason::idle_worker: return "idle worker";
  }
  return "";
}

}  // namespace weir::core

// What a run queue holds: a task that may go on. It is the first part of every
// task's promise, so that queueing a task allocates nothing and a task that
// waits keeps no place for it.
#pragma once

#include <atomic>
#include <concepts>
#include <coroutine>
#include <cstdint>

#include "weir/core/wait_reason.h"

namespace weir::core::internal {

class Parking;

class Runnable {
 public:
  // A promise lies at the same distance from its frame whatever its type, as
  // long as it is aligned to no more than the frame's two pointers (TaskPromise
  // asserts that): so this is the frame, whichever task's it is.
  std::coroutine_handle<> handle() { return std::coroutine_handle<Runnable>::from_promise(*this); }
  void resume() { handle().resume(); }

  // In a list of runnable tasks: the one behind it.
  Runnable* next() const { return reinterpret_cast<Runnable*>(load()); }
  void set_next(Runnable* next) { store(reinterpret_cast<std::uintptr_t>(next)); }

  // While it waits the same word tells a reader for what (task_dump.h): here,
  // or without a Parking.
  void waits_in(const Parking& parking) { store(reinterpret_cast<std::uintptr_t>(&parking) | kParking); }
  void waits_for(WaitReason reason, std::uint32_t since) {
    store(std::uintptr_t{since} << 16 | static_cast<std::uintptr_t>(reason) << 8 | kReason);
  }
  void waits_no_more() { store(0); }

  // What such a word says; each is null or none when it says something else.
  struct Waiting {
    const Parking* parking = nullptr;
    WaitReason reason = WaitReason::none;
    std::uint32_t since = 0;
  };
  Waiting waiting() const {
    const std::uintptr_t word = load();
    if ((word & kTags) == kParking) return {.parking = reinterpret_cast<const Parking*>(word & ~kTags)};
    if ((word & kTags) != kReason) return {};
    return {.reason = static_cast<WaitReason>(word >> 8 & 0xff),
            .since = static_cast<std::uint32_t>(word >> 16)};
  }

 private:
  static constexpr std::uintptr_t kTags = 3;
  static constexpr std::uintptr_t kParking = 1;
  static constexpr std::uintptr_t kReason = 2;

  // relaxed: lists are guarded by their locks, and a reader checks what it sees.
  std::uintptr_t load() const { return link_.load(std::memory_order_relaxed); }
  void store(std::uintptr_t word) { link_.store(word, std::memory_order_relaxed); }

  std::atomic<std::uintptr_t> link_{0};
};

// A suspended task, as awaiters get it: only a task converts, so that no other
// kind of coroutine can wait for what is ours.
class TaskHandle {
 public:
  template <std::derived_from<Runnable> Promise>
  TaskHandle(std::coroutine_handle<Promise> handle) : runnable_(&handle.promise()) {}  // NOLINT: implicit

  Runnable& runnable() const { return *runnable_; }

 private:
  Runnable* runnable_;
};

}  // namespace weir::core::internal

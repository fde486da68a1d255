// What a run queue holds: a task that may go on. It is the first part of every
// task's promise, so that queueing a task allocates nothing and a task that
// waits keeps no place for it.
#pragma once

#include <concepts>
#include <coroutine>

namespace weir::core::internal {

struct Runnable {
  Runnable* next = nullptr;  // in the global queue

  // A promise lies at the same distance from its frame whatever its type, as
  // long as it is aligned to no more than the frame's two pointers (TaskPromise
  // asserts that): so this is the frame, whichever task's it is.
  std::coroutine_handle<> handle() { return std::coroutine_handle<Runnable>::from_promise(*this); }
  void resume() { handle().resume(); }
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

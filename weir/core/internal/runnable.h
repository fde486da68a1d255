// What a run queue holds: a suspended coroutine that may go on. It is embedded
// in whatever waits (an awaiter, a task's frame), so queueing allocates nothing.
#pragma once

#include <coroutine>

namespace weir::core::internal {

struct Runnable {
  Runnable* next = nullptr;  // in the global queue
  std::coroutine_handle<> handle;
};

}  // namespace weir::core::internal

// One suspension of one task, which several sources may try to end: what it
// waits for, its deadline, its cancellation. Exactly one of them wins.
//
// The life of a suspension:
//   1. the awaiter tells each source about this Parking (arms it);
//   2. `commit` suspends the task, or says that a source was faster;
//   3. `wake` from any source, on any thread, decides the outcome once and
//      makes the task runnable;
//   4. the resumed awaiter disarms every source before it returns, each under
//      the source's own lock, so that no late `wake` finds a dead Parking.
// `wake` takes no lock but those of the run queues, so that sources call it
// with their own lock held.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>

#include "weir/core/internal/runnable.h"

namespace weir::core {
class Runtime;
}

namespace weir::core::internal {

// What ended a wait.
enum class Wake : std::uint32_t { ready, deadline, cancelled };

class Parking {
 public:
  Parking();
  Parking(const Parking&) = delete;
  Parking& operator=(const Parking&) = delete;

  // Decides the outcome if it is open still; true for exactly one call. When
  // true, `this` may be gone on return.
  bool wake(Wake outcome);

  // True: suspended, and somebody will call `wake`. False: somebody has.
  bool commit(std::coroutine_handle<> handle);

  bool decided() const { return state_.load(std::memory_order_acquire) >= kDecided; }
  // After the task was resumed, or after commit() returned false.
  Wake outcome() const { return static_cast<Wake>(state_.load(std::memory_order_acquire) - kDecided); }

 private:
  static constexpr std::uint32_t kArming = 0;
  static constexpr std::uint32_t kParked = 1;
  static constexpr std::uint32_t kDecided = 2;  // + the outcome

  std::atomic<std::uint32_t> state_{kArming};
  Runtime* runtime_;  // constant after construction
  Runnable runnable_;
};

}  // namespace weir::core::internal

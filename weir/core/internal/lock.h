// A mutual exclusion lock in four bytes, for critical sections of a few
// instructions: it spins briefly, then sleeps in the kernel (a futex).
//
// It is given back by a plain store, half of what it would cost otherwise: a
// sleeper that announces itself between unlock()'s look and its store is not
// woken. So it sleeps for a millisecond at most and then looks again.
//
// It blocks the thread, so it is never held across a `co_await`; tasks use
// core::Mutex. Callable from any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "weir/core/internal/shake.h"

namespace weir::core::internal {

class Lock {
 public:
  void lock() {
    std::uint32_t expected = kFree;
    // acquire: pairs with the release in unlock().
    if (state_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire)) [[likely]]
      return;
    lock_slow();
  }

  void unlock() {
    WEIR_SHAKE_HERE("unlock");
    const bool contended = state_.load(std::memory_order_relaxed) == kContended;
    WEIR_SHAKE_HERE("unlock: looked");
    // release: publishes what the section wrote. After it `this` may be gone;
    // waking a dead address is harmless.
    state_.store(kFree, std::memory_order_release);
    if (contended) [[unlikely]]
      wake_one();
    WEIR_SHAKE_HERE("unlocked");
  }

 private:
  static constexpr std::uint32_t kFree = 0;
  static constexpr std::uint32_t kHeld = 1;
  static constexpr std::uint32_t kContended = 2;  // held, and somebody may sleep

  void lock_slow();
  void wake_one();

  std::atomic<std::uint32_t> state_{kFree};
};

}  // namespace weir::core::internal

// Marks the places where the order of two threads matters. With WEIR_SHAKE
// defined (tests/stress builds this room so) a thread that passes one is now and
// then held up there, so that interleavings that are met once in a year are met
// in a second; and a test may decide itself who waits where. Otherwise nothing
// is there.
//
//   if (count.fetch_sub(1) != 1) return;
//   WEIR_SHAKE_HERE("last of the children");
#pragma once

#ifdef WEIR_SHAKE

#include <sched.h>
#include <time.h>

#include <atomic>
#include <cstdint>

namespace weir::core::internal {

// Called instead of holding up at random; null: nothing is. Any thread.
using ShakeHook = void (*)(const char* place);
inline std::atomic<ShakeHook> shake_hook{nullptr};

// Not inlined: a coroutine must not keep the address of a thread's variable.
[[gnu::noinline]] inline void shake(const char* place) {
  if (const ShakeHook hook = shake_hook.load(std::memory_order_acquire)) return hook(place);
  static std::atomic<std::uint32_t> threads{1};
  thread_local std::uint32_t random = threads.fetch_add(1, std::memory_order_relaxed) * 2'654'435'761u;
  random ^= random << 13;
  random ^= random >> 17;
  random ^= random << 5;
  if (random % 1024 == 0) {
    const timespec pause{.tv_sec = 0, .tv_nsec = random >> 15};  // up to 131 us
    nanosleep(&pause, nullptr);
  } else if (random % 32 == 1) {
    sched_yield();
  }
}

}  // namespace weir::core::internal

#define WEIR_SHAKE_HERE(place) ::weir::core::internal::shake(place)

#else

#define WEIR_SHAKE_HERE(place) static_cast<void>(0)

#endif

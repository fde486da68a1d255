// A full fence: what this thread wrote before it is seen by others before it
// reads what comes after.
#pragma once

#include <atomic>

namespace weir::core::internal {

inline void full_fence() {
#if defined(__x86_64__)
  // Any locked instruction is one, and takes half as long as the mfence that
  // compilers make of a fence.
  asm volatile("lock orl $0, -4(%%rsp)" ::: "memory", "cc");
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

}  // namespace weir::core::internal

// Where another thread is, while it runs: its stack, sampled by a signal to it.
//
// The handler walks frame pointers (the whole tree is built with them) within
// the thread's own stack, so it takes no lock and allocates nothing; names are
// looked up afterwards by whoever asked. A C library function without a frame
// pointer hides its caller.
//
// The signal is SIGURG, as in Go: ignored by default and used by next to nobody;
// a handler that was there before is called for signals that are not ours. Like
// any signal it ends a blocking call that does not restart with EINTR.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "weir/base/clock.h"

namespace weir::core::internal {

// What the handler must know of a thread.
struct SampledThread {
  static SampledThread calling();

  // The processor time it has had; zero when it cannot be read.
  Duration cpu_time() const;
  // It runs, or could if the system let it; false: it is blocked.
  bool runnable() const;

  pid_t id = 0;
  std::uintptr_t stack_low = 0;
  std::uintptr_t stack_high = 0;
};

// Innermost first, at most 32; empty when the thread does not answer within
// 20 ms. Any thread but the sampled one, which must not end meanwhile.
std::vector<const void*> sample_stack(const SampledThread& thread);

// "weir::core::f(int) at weir+0x1234", as much of it as is known. Reads the
// program's own symbol table: milliseconds, not for a hot path.
std::string name_of_code(const void* address);

}  // namespace weir::core::internal

#include "weir/base/clock.h"

#include <time.h>

namespace weir {

TimePoint SystemClock::read() {
  timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return TimePoint(std::chrono::seconds(at.tv_sec) + Duration(at.tv_nsec));
}

}  // namespace weir

// The time, as a task sees it.
#pragma once

#include "weir/base/clock.h"

namespace weir::core {

// The monotonic time, a few microseconds old at most: a processor keeps it and
// reads the clock anew only when its cycle counter has moved on, which costs a
// quarter of a clock read. It may step back by as much when a task goes on at
// another processor: a span between two of these can come out below zero. Any
// thread.
TimePoint now();

}  // namespace weir::core

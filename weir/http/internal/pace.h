// How slowly bytes may go, either way: a patience to begin with, and what the bytes
// earn at the slowest rate that is allowed.
#pragma once

#include <chrono>
#include <cstdint>

#include "weir/base/clock.h"

namespace weir::http::internal {

// What so many bytes may take. A rate of 0: nothing is earned.
inline Duration earned(std::uint64_t bytes, std::uint64_t bytes_per_s_min) {
  return std::chrono::seconds(bytes_per_s_min == 0 ? 0 : bytes / bytes_per_s_min);
}

}  // namespace weir::http::internal

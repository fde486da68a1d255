// How long fresh memory takes to be touched for the first time: what starting
// very many tasks is compared with, since their memory has to come from the
// kernel page by page as well.
//
// By a task; every processor touches its part.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "weir/base/clock.h"
#include "weir/base/units.h"
#include "weir/core/context.h"
#include "weir/core/task.h"

namespace weir::load::internal {

class FirstTouch {
 public:
  explicit FirstTouch(Bytes bytes) : bytes_(bytes) {}

  // The time it took; the memory has been given back. nullopt: cancelled, or
  // there is no such address space. Once.
  core::task<std::optional<Duration>> measure(core::Context& context);

  // So far. Any thread.
  Bytes touched() const { return Bytes{touched_.load(std::memory_order_relaxed)}; }

 private:
  core::task<> touch(core::Context& context, volatile char* begin, volatile char* end);

  const Bytes bytes_;
  std::atomic<std::uint64_t> touched_{0};  // relaxed: a count
};

}  // namespace weir::load::internal

// What the monitor says of a task that does not come back: it has been running,
// or blocking its thread, for so long that a stand-in had to take its place.
//
//   Runtime runtime({.on_stuck = [](const StuckReport& report) { log(describe(report)); }});
//
// The remedy is a suspension now and then (`co_await yield()`) in what computes,
// and core::blocking() around what blocks.
#pragma once

#include <string>
#include <vector>

#include "weir/base/clock.h"

namespace weir::core {

struct StuckReport {
  // The frame of the coroutine that went on: the same task has the same one
  // until it ends.
  const void* task = nullptr;
  // The coroutine's function, where the program has its symbols.
  std::string function;
  // Where its thread was, innermost first; empty when it did not answer.
  std::vector<std::string> stack;
  // How long it has run; reported at 10 ms (Options::stuck_after) and at each
  // tenfold of it.
  Duration running{};
  unsigned processor = 0;
  // Another worker serves the processor meanwhile. False: there was none to be
  // had (Options::workers_max, or the system's limit of threads).
  bool stand_in = false;
};

// Some lines for a log, without a newline at the end.
std::string describe(const StuckReport& report);

}  // namespace weir::core

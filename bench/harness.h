// What a benchmark of the runtime is, and the program around them.
//
//   void add_locks(std::vector<Benchmark>& all) {
//     all.push_back({"mutex", 1'000'000, [] { return lock_often(1, 1'000'000); }});
//   }
//
// Google Benchmark repeats and reports them, by its own flags and under exactly
// their names: neither "/real_time" nor anything else is added to them, and
// --benchmark_filter sees them so.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/task.h"

namespace weir::bench {

struct Benchmark {
  std::string name;
  std::uint64_t operations = 1;  // of one run
  // One run from the beginning; how long its operations took, without what was
  // set up before and torn down after. Throws where the result is wrong.
  std::function<Duration()> run;
};

// WEIR_PROCS where it is set.
unsigned processors(unsigned otherwise = 2);

// Throws with this text unless `holds`.
void expect(bool holds, const char* complaint);

// From its making to each reading.
class Stopwatch {
 public:
  Duration read() const { return SystemClock::read() - start_; }

 private:
  const TimePoint start_ = SystemClock::read();
};

// What `body(root)`, a task<Duration>, gives in a runtime of its own.
template <typename Body>
Duration in_runtime(unsigned processors, Body body) {
  core::Runtime runtime({.processors = processors});
  Duration took{};
  const Result<> ran = runtime.run([&](core::Scope& root) -> core::task<> { took = co_await body(root); });
  expect(ran.has_value(), "the run ended with an error");
  return took;
}

// What each part of the program has.
void add_forks(std::vector<Benchmark>& all);     // fork-join, spawn and join
void add_channels(std::vector<Benchmark>& all);  // channels, ping-pong, select
void add_waits(std::vector<Benchmark>& all);     // yield, locks, timers
void add_sockets(std::vector<Benchmark>& all);   // ping-pong over TCP

}  // namespace weir::bench

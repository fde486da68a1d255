// Holding: very many tasks that wait at the same time, as a service has them
// whose upstream answers after ten seconds.
//
//   HoldOptions options{.tasks = 100'000'000, .wait = 10s, .memory_cap = most};
//   auto held = co_await run_hold(ctx, options, show);
//
// Without `calls` a task waits for a timer, and all of them are asleep before
// the first one wakes: who is started early waits for longer than `wait` where
// starting the last takes longer than that. With `calls` each task asks a local
// API of ours, in the same process over loopback, which answers after `wait`; so
// many are in flight as descriptors, ports and memory allow, and the others
// queue for a permit, or are refused (`shed`).
//
// By a task of a runtime that does nothing else.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/load/inflight.h"

namespace weir::load {

struct HoldOptions {
  std::uint64_t tasks = 1'000'000;
  Duration wait = 10s;         // of each task, at least
  bool calls = false;          // each makes a request, and does not merely wait
  std::uint64_t inflight = 0;  // calls at once; 0: what `bound` allows
  bool shed = false;           // a call without a permit is refused and does not queue
  bool unbounded = false;      // no bound but the memory cap, at which it stops
  bool touch = false;          // first measure how long as much fresh memory takes to touch
  Bytes memory_cap{};          // resident; no default: memory_available() says what there is
  InflightBound bound{};       // of calls; no default: inflight_bound() says
  Bytes each{};                // of a task; 0: measured on a few before (without `calls`)
};

enum class HoldPhase : std::uint8_t { touching, starting, waiting, ending, calling };

std::string_view to_string(HoldPhase phase);

// What a run looks like while it runs.
struct HoldProgress {
  HoldPhase phase = HoldPhase::starting;
  Duration elapsed{};
  std::uint64_t done = 0;   // of this phase: tasks started or ended, bytes touched
  std::uint64_t total = 0;  // the phase is over when so many are
  double rate_per_s = 0;    // since the phase began
  std::optional<Duration> left;
  std::uint64_t waiting = 0;  // tasks started and not ended
  Bytes rss{};
};

inline constexpr std::size_t kHoldReasons = static_cast<std::size_t>(Reason::system) + 1;

struct HoldResult {
  std::uint64_t tasks = 0;      // asked for
  std::uint64_t started = 0;    // of them
  std::uint64_t completed = 0;  // waited to the end; of calls: answered with 200
  std::uint64_t refused = 0;    // not started: no permit, or the memory cap
  std::uint64_t failed = 0;     // calls that ended otherwise, by reason:
  std::array<std::uint64_t, kHoldReasons> failures{};
  std::uint64_t held_peak = 0;  // waiting at the same time
  Bytes rss_base{};             // resident before the run
  Bytes rss_peak{};
  Bytes memory_cap{};
  Duration spawn{};  // until the last task had begun to wait
  Duration total{};
  std::uint64_t inflight = 0;  // calls at once, at most; 0: unbounded, or no calls
  Bytes touched{};
  Duration touch{};  // how long that took
  bool stopped_by_cap = false;
  bool interrupted = false;

  // What the process grew by, for each task that was held.
  double bytes_per_task() const;
  // Starting against touching, for the same number of bytes; 0: not measured.
  double spawn_to_touch() const;
};

// Called about once a second, by a task: it should not block for long.
using ShowHold = std::function<void(const HoldProgress&)>;

// Error: text, why it does not start: more than the memory cap holds, with the
// arithmetic; a number out of range; no listener. Cancellation ends the run
// early; the result tells what was reached.
core::task<std::expected<HoldResult, std::string>> run_hold(core::Context& context, HoldOptions options,
                                                            ShowHold show);

}  // namespace weir::load

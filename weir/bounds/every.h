// Rounds of work at a period, each bounded in time, none of which overlaps the
// next.
//
//   Result<> ended = co_await every(ctx, {.period = 30s, .timeout = 25s}, [&](Context& round) -> task<> {
//     auto polled = co_await fan_out(round, endpoints, polls, poll, {.limit = 200});
//     ...
//   });
//
// A round's context has a deadline: a time-out after its beginning. A round that
// takes longer than the period anyway (its work does not heed its context) costs
// the rounds that would have begun meanwhile: they are missed, counted, and not
// made up for. Rounds stay on their beat: they begin at the start + n x period.
//
// What a round throws or fails with is counted and ends nothing, or with
// `stop_on_error` ends all.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/task.h"

namespace weir::bounds {

// Counts of a loop of rounds. Any thread may read; outlives the await.
struct RoundStats {
  std::atomic<std::uint64_t> rounds{0};     // begun
  std::atomic<std::uint64_t> missed{0};     // not begun: one before it was still going on
  std::atomic<std::uint64_t> failed{0};     // gave an error, or threw
  std::atomic<std::uint64_t> timed_out{0};  // ended after their deadline
};

struct EveryOptions {
  Duration period = {};         // above 0; no default
  Duration timeout = {};        // of a round, below the period; 0: nine tenths of it
  bool begin_at_once = true;    // else a period from now
  bool stop_on_error = false;   // the first failure ends the loop
  RoundStats* stats = nullptr;  // outlives the await
};

using Round = std::function<core::task<Result<>>(core::Context&)>;

// Ends with `context`. Errors: cancelled, deadline; invalid: the period is not
// above 0, or the timeout is not below it; with stop_on_error the round's (what
// it throws is thrown).
core::task<Result<>> every(core::Context& context, EveryOptions options, Round round);

}  // namespace weir::bounds

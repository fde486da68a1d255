#include "weir/bounds/every.h"

#include <exception>
#include <utility>

#include "weir/core/now.h"
#include "weir/core/sleep.h"

namespace weir::bounds {
namespace {

void count(std::atomic<std::uint64_t> RoundStats::* what, RoundStats* stats, std::uint64_t by = 1) {
  if (stats != nullptr) (stats->*what).fetch_add(by, std::memory_order_relaxed);
}

// One round to its end. Error: the round's; internal when it threw, which is
// thrown on where that ends all.
core::task<Result<>> run_round(core::Context& context, const EveryOptions& options, Round& round) {
  count(&RoundStats::rounds, options.stats);
  Result<> ended;
  std::exception_ptr thrown;
  const TimePoint until = saturating_add(core::now(), options.timeout);
  {
    core::Context bounded(context, until);
    try {
      ended = co_await round(bounded);
    } catch (...) {
      thrown = std::current_exception();
      ended = fail(ErrorKind::internal, Reason::none, "exception");
    }
  }
  if (core::now() > until) count(&RoundStats::timed_out, options.stats);
  if (!ended) count(&RoundStats::failed, options.stats);
  if (thrown && options.stop_on_error) std::rethrow_exception(thrown);
  co_return ended;
}

}  // namespace

core::task<Result<>> every(core::Context& context, EveryOptions options, Round round) {
  if (options.period <= Duration::zero())
    co_return fail(ErrorKind::invalid, Reason::none, "a period of 0 or below");
  if (options.timeout == Duration::zero()) options.timeout = options.period - options.period / 10;
  if (options.timeout < Duration::zero() || options.timeout >= options.period)
    co_return fail(ErrorKind::invalid, Reason::too_large, "a round's timeout is not below its period");
  TimePoint begin = core::now();
  if (!options.begin_at_once) begin = saturating_add(begin, options.period);
  for (;;) {
    if (Result<> slept = co_await core::sleep_until(context, begin); !slept) co_return slept;
    if (Result<> alive = context.check(core::now()); !alive) co_return alive;
    Result<> ended = co_await run_round(context, options, round);
    if (!ended && options.stop_on_error) co_return ended;
    if (Result<> alive = context.check(core::now()); !alive) co_return alive;  // nothing is missed any more
    begin = saturating_add(begin, options.period);
    if (const Duration late = core::now() - begin; late >= Duration::zero()) {
      const std::int64_t missed = late / options.period + 1;
      count(&RoundStats::missed, options.stats, static_cast<std::uint64_t>(missed));
      begin = saturating_add(begin, missed * options.period);
    }
  }
}

}  // namespace weir::bounds

#include "weir/load/hold.h"

#include <algorithm>

#include "weir/load/internal/hold_calls.h"
#include "weir/load/internal/hold_waits.h"

namespace weir::load {
namespace {

constexpr std::uint64_t kTasksMax = 10'000'000'000;
constexpr Duration kWaitMax = 1h;

std::string verify(const HoldOptions& options) {
  if (options.tasks == 0 || options.tasks > kTasksMax) return "the tasks are 1 to 10,000,000,000";
  if (options.wait <= Duration::zero() || options.wait > kWaitMax) return "a task waits 1 ns to 1 h";
  if (options.memory_cap.count == 0) return "the memory cap is 0";
  if (!options.calls && (options.inflight != 0 || options.shed)) return "only calls have a bound in flight";
  if (options.unbounded && (options.inflight != 0 || options.shed || options.touch)) {
    return "unbounded means no bound in flight, nothing refused and nothing measured before";
  }
  if (options.calls && options.touch) return "touching is compared with tasks that only wait";
  return {};
}

template <typename Run>
core::task<std::expected<HoldResult, std::string>> run_as(core::Context& context, const HoldOptions& options,
                                                          const ShowHold& show) {
  Run run(context, options, show);
  std::expected<void, std::string> ran = co_await run.run();
  if (!ran) co_return std::unexpected(std::move(ran.error()));
  co_return run.result();
}

}  // namespace

std::string_view to_string(HoldPhase phase) {
  switch (phase) {
    case HoldPhase::touching: return "touching";
    case HoldPhase::starting: return "starting";
    case HoldPhase::waiting: return "waiting";
    case HoldPhase::ending: return "ending";
    case HoldPhase::calling: return "calling";
  }
  return "unknown";
}

double HoldResult::bytes_per_task() const {
  const std::uint64_t grown = rss_peak.count - std::min(rss_peak, rss_base).count;
  return static_cast<double>(grown) / static_cast<double>(std::max<std::uint64_t>(held_peak, 1));
}

double HoldResult::spawn_to_touch() const {
  const std::uint64_t grown = rss_peak.count - std::min(rss_peak, rss_base).count;
  if (touch <= Duration::zero() || touched.count == 0 || grown == 0) return 0;
  const double per_byte_touched = static_cast<double>(touch.count()) / static_cast<double>(touched.count);
  return static_cast<double>(spawn.count()) / static_cast<double>(grown) / per_byte_touched;
}

core::task<std::expected<HoldResult, std::string>> run_hold(core::Context& context, HoldOptions options,
                                                            ShowHold show) {
  if (std::string wrong = verify(options); !wrong.empty()) co_return std::unexpected(std::move(wrong));
  if (options.calls) co_return co_await run_as<internal::HoldCalls>(context, options, show);
  co_return co_await run_as<internal::HoldWaits>(context, options, show);
}

}  // namespace weir::load

#include "weir/load/burst.h"

#include <algorithm>
#include <limits>

#include "weir/base/memory.h"
#include "weir/load/internal/burst_run.h"

namespace weir::load {
namespace {

constexpr std::uint64_t kRateMax = 100'000'000;
constexpr Duration kLengthMax = 1h;

std::string verify(const BurstOptions& options) {
  if (options.rate_per_s == 0 || options.rate_per_s > kRateMax)
    return "the rate is 1 to 100,000,000 a second";
  if (options.length < 1ms || options.length > kLengthMax) return "the length is 1 ms to 1 h";
  if (options.bytes.count == 0) return "a job needs at least one byte";
  if (options.wait < Duration::zero() || options.wait > 1min) return "a job waits 0 to 60 s";
  if (options.objective < 1ms || options.objective > 1min) return "the objective is 1 ms to 60 s";
  if (options.memory_cap.count == 0) return "the memory cap is 0";
  return {};
}

}  // namespace

std::string_view to_string(BurstMode mode) {
  switch (mode) {
    case BurstMode::naive: return "naive";
    case BurstMode::pool: return "pool";
    case BurstMode::adaptive: return "adaptive";
  }
  return "unknown";
}

core::task<std::expected<BurstResult, std::string>> run_burst(core::Context& context, BurstMode mode,
                                                              BurstOptions options, ShowBurst show) {
  if (std::string wrong = verify(options); !wrong.empty()) co_return std::unexpected(std::move(wrong));
  internal::BurstRun run(context, mode, options, std::move(show));
  std::expected<void, std::string> ran = co_await run.run();
  if (!ran) co_return std::unexpected(std::move(ran.error()));
  co_return run.result();
}

}  // namespace weir::load

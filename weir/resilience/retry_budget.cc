#include "weir/resilience/retry_budget.h"

#include <algorithm>

#include "weir/base/check.h"
#include "weir/base/units.h"

namespace weir::resilience {

std::expected<void, std::string> RetryBudget::verify(const Options& options) {
  if (!(options.share >= 0 && options.share <= 1)) return std::unexpected("share is from 0 to 1");
  if (options.window < 10ms || options.window > 1h) return std::unexpected("window is from 10 ms to 1 h");
  return {};
}

RetryBudget::RetryBudget(Options options)
    : options_([&] {
        const auto right = verify(options);
        WEIR_CHECK(right, right.error().c_str());
        return options;
      }()),
      floor_(options.per_second * seconds(options.window)),
      window_(options.window) {}

std::uint64_t RetryBudget::available(TimePoint now) {
  const internal::SlidingWindow::Sum sum = window_.sum(now);
  // A thousandth of one, so that a fifth of ten is two.
  const double allowed = floor_ + options_.share * static_cast<double>(sum.calls) + 0.001;
  const auto whole = static_cast<std::uint64_t>(allowed);
  return whole - std::min(whole, sum.marked);
}

std::optional<RetryBudget::Charge> RetryBudget::try_charge(TimePoint now) {
  const std::lock_guard guard(mutex_);
  const internal::SlidingWindow::Slice slice = window_.slice(now);
  // A slice that counts no further holds more than any budget allows.
  if (available(now) == 0 || !window_.mark(slice)) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  charged_.fetch_add(1, std::memory_order_relaxed);
  return Charge(*this, slice);
}

void RetryBudget::refund(internal::SlidingWindow::Slice slice) {
  window_.unmark(slice);
  charged_.fetch_sub(1, std::memory_order_relaxed);
}

RetryBudget::Stats RetryBudget::stats(TimePoint now) {
  return {
      .requests = requests_.load(std::memory_order_relaxed),
      .charged = charged_.load(std::memory_order_relaxed),
      .refused = refused_.load(std::memory_order_relaxed),
      .available = available(now),
  };
}

}  // namespace weir::resilience

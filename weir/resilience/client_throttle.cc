#include "weir/resilience/client_throttle.h"

#include <algorithm>

#include "weir/base/check.h"

namespace weir::resilience {
namespace {

// Wraps every 49 days, and is compared as such.
std::uint32_t milliseconds_of(TimePoint at) {
  return static_cast<std::uint32_t>(at.time_since_epoch() / 1ms);
}

}  // namespace

std::expected<void, std::string> ClientThrottle::verify(const Options& options) {
  const auto wrong = [&](std::string_view what) {
    return std::unexpected("throttle " + options.name + ": " + std::string(what));
  };
  if (!(options.accepted_share > 0 && options.accepted_share <= 1))
    return wrong("accepted_share is above 0 and at most 1");
  if (!(options.refused_max >= 0 && options.refused_max < 1))
    return wrong(
        "refused_max is from 0 to below 1: refusing everything, it would never hear that all is well");
  if (options.window < 10ms) return wrong("window is at least 10 ms");
  if (!(options.probed_share > 0 && options.probed_share <= 1))
    return wrong("probed_share is above 0 and at most 1: without probes it would not hear of better times");
  if (options.learned_for < Duration::zero() || options.learned_for > 24h)
    return wrong("learned_for is from 0 to 24 h");
  return {};
}

double ClientThrottle::probability(const Options& options, std::uint64_t requests, std::uint64_t accepted) {
  const auto all = static_cast<double>(requests);
  const double excess = all - static_cast<double>(accepted) / options.accepted_share;
  return std::clamp(excess / (all + 1), 0.0, options.refused_max);
}

ClientThrottle::ClientThrottle(Options options)
    : options_([&] {
        const auto right = verify(options);
        WEIR_CHECK(right, right.error().c_str());
        return std::move(options);
      }()),
      window_(options_.window) {}

std::uint32_t ClientThrottle::learned(TimePoint now) const {
  const std::uint64_t word = learned_.load(std::memory_order_relaxed);  // it is all there is
  const auto until = static_cast<std::uint32_t>(word >> 32);
  const auto left = static_cast<std::int32_t>(until - milliseconds_of(now));
  const bool fresh = left > 0 && left * 1ms <= options_.learned_for;
  return fresh ? static_cast<std::uint32_t>(word) : 0;
}

void ClientThrottle::learn(std::uint32_t shed_below, TimePoint now, Duration valid_for) {
  const Duration counts =
      valid_for > Duration::zero() ? std::min(valid_for, options_.learned_for) : options_.learned_for;
  const std::uint64_t until = milliseconds_of(saturating_add(now, counts));
  learned_.store(until << 32 | shed_below, std::memory_order_relaxed);
}

Result<> ClientThrottle::admit(std::uint32_t priority, TimePoint now, Rng& rng) {
  const internal::SlidingWindow::Sum sum = window_.sum(now);
  const bool below = priority < learned(now);
  const double refused_share =
      below ? 1 - options_.probed_share : probability(options_, sum.calls, sum.marked);
  if (refused_share <= 0 || uniform(rng) >= refused_share) {
    admitted_.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  // What the server's word refuses tells nothing of those above it.
  if (!below) window_.add(window_.slice(now), /*marked=*/false);
  (below ? refused_below_ : refused_).fetch_add(1, std::memory_order_relaxed);
  return fail(ErrorKind::overloaded, Reason::throttled, options_.name);
}

void ClientThrottle::record(bool accepted, TimePoint now) { window_.add(window_.slice(now), accepted); }

ClientThrottle::Stats ClientThrottle::stats(TimePoint now) {
  const internal::SlidingWindow::Sum sum = window_.sum(now);
  return {
      .window_requests = sum.calls,
      .window_accepted = sum.marked,
      .probability = probability(options_, sum.calls, sum.marked),
      .shed_below = learned(now),
      .admitted = admitted_.load(std::memory_order_relaxed),
      .refused = refused_.load(std::memory_order_relaxed),
      .refused_below = refused_below_.load(std::memory_order_relaxed),
  };
}

}  // namespace weir::resilience

#include "weir/bounds/rate_bound.h"

#include <utility>

#include "weir/base/check.h"

namespace weir::bounds {

std::expected<void, std::string> RateBound::verify(const Ledger& ledger, const Options& options) {
  if (options.name.empty()) return std::unexpected("a rate needs a name");
  const std::string rate = "rate " + options.name + ": ";
  if (ledger.contains(options.name)) return std::unexpected(rate + "two bounds of one name");
  if (const auto right = Gcra::verify(options.rate); !right) return std::unexpected(rate + right.error());
  return {};
}

std::expected<std::unique_ptr<RateBound>, std::string> RateBound::make(Ledger& ledger, Options options) {
  if (auto right = verify(ledger, options); !right) return std::unexpected(right.error());
  return std::make_unique<RateBound>(ledger, std::move(options));
}

RateBound::RateBound(Ledger& ledger, Options options)
    : options_([&] {
        const auto right = verify(ledger, options);
        WEIR_CHECK(right, right.error().c_str());
        return std::move(options);
      }()),
      ledger_(ledger),
      rate_(options_.rate),
      declared_(options_.rate) {
  const auto right = ledger.enter(options_.name, *this);
  WEIR_CHECK(right, right.error().c_str());
}

Result<> RateBound::try_acquire(TimePoint now, std::uint64_t weight) {
  Result<> admitted = rate_.try_acquire(now, weight);
  if (admitted) [[likely]] {
    admitted_.fetch_add(1, std::memory_order_relaxed);
    units_.fetch_add(weight, std::memory_order_relaxed);
    return admitted;
  }
  const bool invalid = admitted.error().kind == ErrorKind::invalid;
  (invalid ? invalid_ : refused_).fetch_add(1, std::memory_order_relaxed);
  admitted.error().where = options_.name;
  return admitted;
}

void RateBound::refund(std::uint64_t weight) {
  rate_.refund(weight);
  units_.fetch_sub(weight, std::memory_order_relaxed);
}

std::expected<void, std::string> RateBound::resize(const RateOptions& rate) {
  const std::lock_guard guard(mutex_);
  if (const auto right = rate_.resize(rate); !right)
    return std::unexpected("rate " + options_.name + ": " + right.error());
  declared_ = rate;
  return {};
}

RateOptions RateBound::rate() const {
  const std::lock_guard guard(mutex_);
  return declared_;
}

RateBound::Stats RateBound::stats() const {
  return {.admitted = admitted_.load(std::memory_order_relaxed),
          .units = units_.load(std::memory_order_relaxed),
          .refused_over_rate = refused_.load(std::memory_order_relaxed),
          .invalid = invalid_.load(std::memory_order_relaxed)};
}

Row RateBound::row() const {
  const Stats now = stats();
  return {
      .name = options_.name,
      .unit = Unit::rate,
      .limit = units_per_second(rate()),
      .admitted = now.admitted,
      .refused = {{to_string(Reason::over_rate), now.refused_over_rate}},
      .because = options_.because,
      .derived_from = options_.derived_from,
  };
}

}  // namespace weir::bounds

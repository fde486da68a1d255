#include "weir/bounds/internal/item_run.h"

namespace weir::bounds::internal {
namespace {

std::uint32_t limit_of(const core::Limit& bound, const ItemRunOptions& options) {
  const std::uint64_t most = std::min<std::uint64_t>(bound.stats().limit, UINT32_MAX);
  return static_cast<std::uint32_t>(options.limit == 0 ? most : options.limit);
}

}  // namespace

// A task waits for units of `own` as often as it has units.
ItemRun::ItemRun(core::Limit& bound, const ItemRunOptions& options)
    : bound_(bound),
      options_(options),
      own_(
          {.name = bound.name(), .limit = limit_of(bound, options), .queue_depth = limit_of(bound, options)}),
      workers_({.name = bound.name(), .limit = own_.options().limit}) {}

Result<> ItemRun::verify() const {
  if (options_.limit > bound_.stats().limit) {
    return weir::fail(ErrorKind::invalid, Reason::too_large, "fan-out over the global bound");
  }
  if (options_.timeout < Duration::zero())
    return weir::fail(ErrorKind::invalid, Reason::none, "a negative timeout");
  return {};
}

bool ItemRun::try_acquire(std::uint32_t cost, Permits& permits) {
  Result<core::Permit> own = own_.try_acquire(cost);
  if (!own) return false;
  Result<core::Permit> bound = bound_.try_acquire(cost);
  if (!bound) return false;
  permits = {std::move(*own), std::move(*bound)};
  return true;
}

core::task<Result<ItemRun::Permits>> ItemRun::acquire(core::Context& context, std::uint32_t cost) {
  for (;;) {
    Result<core::Permit> own = co_await own_.acquire(context, cost);
    if (!own) co_return std::unexpected(own.error());
    Result<core::Permit> bound = co_await bound_.acquire(context, cost);
    if (bound) co_return Permits{std::move(*own), std::move(*bound)};
    own->release();
    const std::uint64_t mine = own_.stats().in_use;
    // A bound without a queue that is used up, some of it by this run: there is
    // room when one of its own items has ended: when one unit more is free than
    // now.
    if (bound.error().reason != Reason::at_limit || mine == 0) co_return std::unexpected(bound.error());
    const auto most = static_cast<std::uint32_t>(own_.stats().limit);
    const auto one_back = static_cast<std::uint32_t>(most - mine + 1);
    if (Result<core::Permit> ended = co_await own_.acquire(context, one_back); !ended) {
      co_return std::unexpected(ended.error());
    }
  }
}

void ItemRun::refuse(core::Scope& scope, const Error& error) {
  if (options_.stats != nullptr) options_.stats->refused();
  fail(scope, error, nullptr);
}

TimePoint ItemRun::begin() {
  if (options_.stats != nullptr) options_.stats->began();
  return core::now();
}

void ItemRun::end(core::Scope& scope, Span span, const Error* error, std::exception_ptr thrown) {
  if (options_.stats != nullptr) {
    const TimePoint now = core::now();
    ItemOutcome outcome = ItemOutcome::ok;
    if (thrown) {
      outcome = ItemOutcome::exception;
    } else if (error != nullptr && error->kind == ErrorKind::deadline && now >= span.until) {
      outcome = ItemOutcome::timeout;
    } else if (error != nullptr) {
      outcome = error->kind == ErrorKind::cancelled || !scope.context().check(now) ? ItemOutcome::cancelled
                                                                                   : ItemOutcome::error;
    }
    options_.stats->ended(outcome, now - span.start);
  }
  if (error != nullptr) fail(scope, *error, std::move(thrown));
}

void ItemRun::fail(core::Scope& scope, const Error& error, std::exception_ptr thrown) {
  if (!failed_.exchange(true, std::memory_order_relaxed)) {
    error_ = error;
    exception_ = std::move(thrown);
  }
  if (stops()) scope.cancel();
}

}  // namespace weir::bounds::internal

#include "weir/bounds/bound.h"

#include <algorithm>
#include <utility>

#include "weir/base/check.h"

namespace weir::bounds {
namespace {

// core::Semaphore counts in 63 bits.
constexpr std::uint64_t kLimitMax = (1ull << 63) - 1;

std::expected<void, std::string> verify_limit(const std::string& name, std::uint64_t limit,
                                              const Bound* parent) {
  if (limit == 0) return std::unexpected("bound " + name + ": limit 0 would refuse everything; at least 1");
  if (limit > kLimitMax) return std::unexpected("bound " + name + ": limit is over 2^63 - 1");
  if (parent == nullptr || limit <= parent->stats().limit) return {};
  return std::unexpected("bound " + name + ": limit " + std::to_string(limit) + " is over its parent " +
                         parent->name() + "'s " + std::to_string(parent->stats().limit));
}

}  // namespace

std::expected<void, std::string> Bound::verify(const Ledger& ledger, const Options& options) {
  if (options.name.empty()) return std::unexpected("a bound without a name");
  if (ledger.contains(options.name)) return std::unexpected("two bounds are named " + options.name);
  if (auto right = verify_limit(options.name, options.limit, options.parent); !right) return right;
  const std::string bound = "bound " + options.name + ": ";
  if (options.limit_max != 0 && options.limit_max < options.limit)
    return std::unexpected(bound + "limit_max " + std::to_string(options.limit_max) + " is below its limit " +
                           std::to_string(options.limit));
  if (options.queue_wait < Duration::zero()) return std::unexpected(bound + "its queue's wait is negative");
  if ((options.ports_each == 0) != options.ports_to.empty())
    return std::unexpected(bound + "ports_each and ports_to are declared together, or neither");
  if (options.parent != nullptr && options.parent->unit() != options.unit) {
    return std::unexpected(bound + "counts " + std::string(to_string(options.unit)) + ", its parent " +
                           options.parent->name() + " " + std::string(to_string(options.parent->unit())));
  }
  return {};
}

std::expected<std::unique_ptr<Bound>, std::string> Bound::make(Ledger& ledger, Options options) {
  if (auto right = verify(ledger, options); !right) return std::unexpected(right.error());
  return std::make_unique<Bound>(ledger, std::move(options));
}

Bound::Bound(Ledger& ledger, Options options)
    : Limit({.name = options.name,
             .limit = options.limit,
             .queue_depth = options.queue_depth,
             .queue_wait = options.queue_wait,
             .order = options.order}),
      ledger_(ledger),
      unit_(options.unit),
      because_(std::move(options.because)),
      derived_from_(std::move(options.derived_from)),
      parent_(options.parent),
      each_(options.each),
      each_queued_(options.each_queued),
      descriptors_each_(options.descriptors_each),
      threads_each_(options.threads_each),
      ports_each_(options.ports_each),
      ports_to_(options.ports_to),
      limit_max_(options.limit_max) {
  auto right = verify(ledger, options);
  if (right) right = ledger.enter(name(), *this);
  WEIR_CHECK(right, right.error().c_str());
  if (HoldingOrder* order = ledger.order()) {
    if (const auto number = order->enter(name())) {
      order_ = order;
      set_watch(order, *number);
    }
  }
}

Bound::~Bound() {
  ledger_.leave(*this);
  if (order_ != nullptr) order_->leave(number());
}

bool Bound::Acquire::suspend_checked(core::TaskHandle task) {
  task_ = &HoldingOrder::task_of(task);
  order_->asks(*task_, bound_.number(), site_);
  return !inner_.await_ready() && inner_.await_suspend(task);
}

void Bound::Acquire::mark(core::Permit& permit) {
  set_mark(permit, order_->holds(*task_, bound_.number(), site_));
}

std::expected<void, std::string> Bound::resize(std::uint64_t limit) {
  if (auto right = verify_limit(name(), limit, parent_); !right) return right;
  if (auto right = ledger_.verify_above_children(name(), limit); !right) return right;
  Limit::resize(limit);
  return {};
}

void Bound::adapt(std::uint64_t limit) {
  const std::uint64_t above = parent_ == nullptr ? kLimitMax : parent_->limit();
  const std::uint64_t most = limit_max_.load(std::memory_order_relaxed);
  Limit::resize(std::max<std::uint64_t>(1, std::min({limit, above, most == 0 ? kLimitMax : most})));
}

void Bound::declare_max(std::uint64_t limit_max) {
  WEIR_CHECK(limit_max >= 1, "a bound is not moved to 0");
  limit_max_.store(limit_max, std::memory_order_relaxed);
}

Row Bound::row() const {
  const Stats now = stats();
  return {
      .name = name(),
      .unit = unit_,
      .limit = now.limit,
      .limit_max = std::max(now.limit, limit_max_.load(std::memory_order_relaxed)),
      .in_use = now.in_use,
      .peak = now.peak,
      .queue_depth = now.queued,
      .queue_limit = queue_depth(),
      .admitted = now.admitted,
      .refused = {{to_string(Reason::at_limit), now.refused_at_limit},
                  {to_string(Reason::queue_full), now.refused_queue_full},
                  {to_string(Reason::queue_wait), now.refused_queue_wait},
                  {to_string(Reason::draining), now.refused_draining},
                  {to_string(Reason::evicted), now.evicted},
                  {to_string(Reason::expired), now.expired},
                  {"abandoned", now.abandoned}},
      .because = because_,
      .derived_from = derived_from_,
      .parent = parent_ == nullptr ? std::string() : parent_->name(),
      .each = each_,
      .each_queued = each_queued_,
      .descriptors_each = descriptors_each_,
      .threads_each = threads_each_,
      .ports_each = ports_each_,
      .ports_to = ports_to_,
  };
}

}  // namespace weir::bounds

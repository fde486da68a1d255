#include "weir/testing/faults.h"

#include <algorithm>

#include "weir/base/check.h"
#include "weir/core/now.h"

namespace weir::testing {
namespace {

using internal::SetFault;

// Of an error that is set here, when this pass is hit.
std::optional<Error> error_of(const std::shared_ptr<SetFault>& fault) {
  if (!fault || !fault->hit()) return std::nullopt;
  return std::get<Error>(fault->fault.what);
}

}  // namespace

namespace internal {

std::optional<std::uint64_t> SetFault::hit() {
  const std::uint64_t event = passes.fetch_add(1, std::memory_order_relaxed) + 1;
  if (!fault.occurrence.hits(event, fault.seed)) return std::nullopt;
  hits.fetch_add(1, std::memory_order_relaxed);
  return event;
}

FaultCounts SetFault::counts() const {
  return {.passes = passes.load(std::memory_order_relaxed),
          .hits = hits.load(std::memory_order_relaxed),
          .delays = delays.load(std::memory_order_relaxed),
          .delay_asked = Duration(delay_asked.load(std::memory_order_relaxed)),
          .delay_achieved = Duration(delay_achieved.load(std::memory_order_relaxed)),
          .cut_short = cut_short.load(std::memory_order_relaxed)};
}

}  // namespace internal

std::shared_ptr<SetFault> FaultPoint::find(Kind kind) {
  const std::lock_guard guard(lock_);
  return set_[kind];
}

bool FaultPoint::put(Kind kind, std::shared_ptr<SetFault> fault) {
  const std::lock_guard guard(lock_);
  if (set_[kind]) return false;
  set_[kind] = std::move(fault);
  armed_.store(true, std::memory_order_relaxed);
  return true;
}

void FaultPoint::take(Kind kind) {
  std::shared_ptr<SetFault> last;  // destroyed after the lock is given back
  const std::lock_guard guard(lock_);
  last = std::move(set_[kind]);
  set_[kind] = nullptr;
  armed_.store(set_[delay] || set_[error], std::memory_order_relaxed);
}

// Whether the outcome is known without waiting.
bool FaultPass::begin() {
  Set& set = set_.emplace();
  set.error = error_of(point_.find(FaultPoint::error));
  std::shared_ptr<SetFault> fault = point_.find(FaultPoint::delay);
  if (!fault) return true;
  const auto event = fault->hit();
  if (!event) return true;
  set.start = core::now();
  set.until = saturating_add(set.start, std::get<Delay>(fault->fault.what).sample(*event, fault->fault.seed));
  wait_.emplace(context_, set.until, fault->lifted);
  set.delay = std::move(fault);
  return wait_->await_ready();
}

Result<> FaultPass::end() {
  if (set_->delay) {
    SetFault& fault = *set_->delay;
    const Result<> lifted = wait_->await_resume();
    const bool over =
        !lifted && lifted.error().kind == ErrorKind::deadline && context_.deadline() > set_->until;
    const bool full = !lifted && lifted.error().kind == ErrorKind::overloaded;
    if (over) {
      fault.delays.fetch_add(1, std::memory_order_relaxed);
      fault.delay_asked.fetch_add((set_->until - set_->start).count(), std::memory_order_relaxed);
      fault.delay_achieved.fetch_add((core::now() - set_->start).count(), std::memory_order_relaxed);
    } else {
      fault.cut_short.fetch_add(1, std::memory_order_relaxed);
      if (!lifted && !full) return lifted;
    }
  }
  if (set_->error) return std::unexpected(*set_->error);
  return {};
}

Result<> internal::error_set_at(FaultPoint& point) {
  if (const auto error = error_of(point.find(FaultPoint::error))) return std::unexpected(*error);
  return {};
}

InjectedFault& InjectedFault::operator=(InjectedFault&& other) noexcept {
  if (this != &other) {
    lift();
    point_ = other.point_;
    kind_ = other.kind_;
    fault_ = std::move(other.fault_);
  }
  return *this;
}

// The point lets go of it first: who comes after that does not meet it.
FaultCounts InjectedFault::lift() {
  if (!fault_) return {};
  if (!fault_->lifted.is_set()) {
    point_->take(kind_);
    fault_->lifted.set();
  }
  return fault_->counts();
}

void FaultInjector::add(FaultPoint& point) {
  WEIR_CHECK(points_.size() < kPointsMax, "as many points as there may be");
  WEIR_CHECK(std::ranges::find(points_, point.name(), &FaultPoint::name) == points_.end(),
             "each point has a name of its own");
  points_.push_back(&point);
}

std::vector<std::string_view> FaultInjector::names() const {
  std::vector<std::string_view> names;
  for (const FaultPoint* point : points_) names.push_back(point->name());
  return names;
}

Result<InjectedFault> FaultInjector::set(std::string_view point, const PointFault& fault) {
  const auto found = std::ranges::find(points_, point, &FaultPoint::name);
  if (found == points_.end()) return fail(ErrorKind::invalid, Reason::none, "a point that there is not");
  const auto kind = static_cast<FaultPoint::Kind>(fault.what.index());
  auto set = std::make_shared<SetFault>(fault);
  if (!(*found)->put(kind, set)) return fail(ErrorKind::invalid, Reason::at_limit, (*found)->name());
  return InjectedFault(**found, kind, std::move(set));
}

}  // namespace weir::testing

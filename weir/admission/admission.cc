#include "weir/admission/admission.h"

#include <algorithm>

#include "weir/base/check.h"
#include "weir/base/hash.h"
#include "weir/core/now.h"

namespace weir::admission {
namespace {

Decision refusal(Reason reason, std::string_view where, Duration retry_after = {}) {
  return {.verdict = Verdict::refuse, .reason = reason, .where = where, .retry_after = retry_after};
}

Decision refusal(const Error& error) { return refusal(error.reason, error.where, error.retry_after); }

Error error_of(const Decision& decision) {
  return {.kind = decision.reason == Reason::too_large ? ErrorKind::invalid : ErrorKind::overloaded,
          .reason = decision.reason,
          .where = decision.where,
          .retry_after = decision.retry_after};
}

// Of the class's own limit, not a tenant's.
bool by_limit(Reason reason) {
  return reason == Reason::at_limit || reason == Reason::queue_full || reason == Reason::queue_wait ||
         reason == Reason::evicted;
}

}  // namespace

Admitted& Admitted::operator=(Admitted&& other) noexcept {
  if (this == &other) return *this;
  if (class_ != nullptr) complete();
  permit_ = std::move(other.permit_);
  tenant_ = std::move(other.tenant_);
  tier_ = std::move(other.tier_);
  class_ = std::exchange(other.class_, nullptr);
  admitted_at_ = other.admitted_at_;
  deadline_ = other.deadline_;
  flow_ = other.flow_;
  cost_ = other.cost_;
  level_ = other.level_;
  started_ = other.started_;
  return *this;
}

void Admitted::started(TimePoint now) {
  if (class_ == nullptr || std::exchange(started_, true)) return;
  const auto in_flight = static_cast<std::uint32_t>(class_->bound_.in_use());
  class_->started(std::max(now - admitted_at_, Duration()), in_flight);
}

void Admitted::complete(Outcome outcome) {
  CostClass* of = std::exchange(class_, nullptr);
  if (of == nullptr) return;
  const TimePoint now = core::now();
  const auto in_flight = static_cast<std::uint32_t>(of->bound_.in_use());
  permit_.release();
  tenant_.release();
  tier_.release();
  of->ended({.response = std::max(now - admitted_at_, Duration()),
             .in_flight = in_flight,
             .cost = cost_,
             .outcome = outcome,
             .late = now > deadline_},
            now);
}

Admission::Admission(Options options) : options_(std::move(options)) {
  WEIR_CHECK(!options_.classes.empty(), "an admission has a class of cost at least");
}

CostClass& Admission::class_of(const Request& request) const {
  WEIR_CHECK(request.cost_class < options_.classes.size(), "no such class of cost");
  return *options_.classes[request.cost_class];
}

Levels Admission::levels_of(const Request& request, std::uint64_t flow) const {
  const Duration wall = request.now.time_since_epoch() + options_.wall_clock;
  return admission::levels_of(request.priority, flow, static_cast<std::uint64_t>(wall / 1h));
}

std::uint32_t Admission::level(const Request& request) const {
  return levels_of(request, hash_key(request.tenant, options_.seed)).first;
}

Admission::Admit Admission::admit(core::Context& context, const Request& request) const {
  return {*this, context, request};
}

Result<Admitted> Admission::try_admit(const Request& request) const {
  Charges charges;
  const Decision decision = decide(request, kNever, false, charges);
  if (decision.verdict == Verdict::refuse) return std::unexpected(error_of(decision));
  return admitted(request, class_of(request), charges, request.now);
}

Decision Admission::decide(const Request& request, TimePoint context_deadline, bool may_wait,
                           Charges& charges) const {
  CostClass& of = class_of(request);
  charges.flow = hash_key(request.tenant, options_.seed);
  charges.levels = levels_of(request, charges.flow);
  charges.deadline = std::min(request.deadline, context_deadline);

  CostClass::Arrival arrival{.levels = charges.levels, .cost = request.cost};
  Decision decision = before_the_class(request, of, charges);
  if (decision.verdict == Verdict::admit) {
    arrival.counts = true;
    charges.permit = of.bound_.acquire_if_free(request.cost);
    if (!charges.permit) decision = at_the_limit(request, of, may_wait, charges);
  } else {
    arrival.counts = decision.reason == Reason::shed;
  }
  if (decision.verdict == Verdict::admit) {
    arrival.in_flight = static_cast<std::uint32_t>(of.bound_.in_use());
  } else if (decision.verdict == Verdict::queue) {
    arrival.fate = CostClass::Fate::queued;
    arrival.held_back = true;
  } else {
    arrival.fate = CostClass::Fate::refused;
    arrival.reason = decision.reason;
    arrival.held_back = arrival.counts && by_limit(decision.reason);
    give_back(request, charges);
  }
  of.arrived(arrival, request.now);
  return decision;
}

// Steps 1 to 6 of the header's list.
Decision Admission::before_the_class(const Request& request, CostClass& of, Charges& charges) const {
  for (const Guard* guard : options_.guards) {
    if (guard->refuses(charges.levels.first)) [[unlikely]]
      return refusal(guard->reason(), guard->name(), guard->retry_after());
  }
  if (!of.feasible(request.now, charges.deadline)) [[unlikely]]
    return refusal(Reason::expired, of.name());
  const Shedder::Pass pass = of.shedder_.passes(charges.levels, request.cost);
  if (pass == Shedder::Pass::no)
    return refusal(Reason::shed, of.name(), of.retry_after(request.cost, true, request.now));
  charges.share = pass == Shedder::Pass::by_share;
  return charge_keys(request, charges);
}

Decision Admission::charge_keys(const Request& request, Charges& charges) const {
  if (!request.tenant.empty()) {
    if (bounds::KeyedRate* rate = options_.tenant_rate) {
      const Result<> charged = rate->try_acquire(request.tenant, request.now, request.cost);
      if (!charged) return refusal(charged.error());
      charges.tenant_rate = true;
    }
    if (bounds::KeyedBound* bound = options_.tenant_bound) {
      Result<bounds::KeyedBound::Permit> permit = bound->try_acquire(request.tenant, request.cost);
      if (!permit) return refusal(permit.error());
      charges.tenant = std::move(*permit);
    }
  }
  if (bounds::KeyedRate* rate = options_.caller_rate; rate != nullptr && !request.caller.empty()) {
    const Result<> charged = rate->try_acquire(request.caller, request.now, request.cost);
    if (!charged) return refusal(charged.error());
    charges.caller_rate = true;
  }
  if (bounds::Budget* budget = options_.budget) {
    Result<bounds::Budget::Permit> permit =
        budget->try_acquire(bounds::Budget::Tier{request.tier}, request.cost);
    if (!permit) return refusal(permit.error());
    charges.tier = std::move(*permit);
  }
  return {};
}

Decision Admission::at_the_limit(const Request& request, CostClass& of, bool may_wait, Charges& charges) {
  if (may_wait && of.bound_.queue_depth() > 0 && request.cost != 0)
    return {.verdict = Verdict::queue, .reason = Reason::at_limit, .where = of.name()};
  // Counts the refusal where the ledger shows it, and knows why; unless there is
  // room by now.
  Result<core::Permit> permit = of.bound_.try_acquire(request.cost);
  if (!permit) {
    Decision decision = refusal(permit.error());
    // Not too large: it asked for nothing.
    if (decision.reason == Reason::none) decision.reason = Reason::too_large;
    decision.retry_after = of.retry_after(request.cost, false, request.now);
    return decision;
  }
  charges.permit = std::move(*permit);
  return {};
}

void Admission::give_back(const Request& request, Charges& charges) const {
  charges.permit.release();
  charges.tenant.release();
  charges.tier.release();
  if (std::exchange(charges.tenant_rate, false)) options_.tenant_rate->refund(request.tenant, request.cost);
  if (std::exchange(charges.caller_rate, false)) options_.caller_rate->refund(request.caller, request.cost);
  if (std::exchange(charges.share, false)) class_of(request).shedder_.give_back(charges.levels, request.cost);
}

Admitted Admission::admitted(const Request& request, CostClass& of, Charges& charges, TimePoint at) {
  Admitted result;
  result.permit_ = std::move(charges.permit);
  result.tenant_ = std::move(charges.tenant);
  result.tier_ = std::move(charges.tier);
  result.class_ = &of;
  result.admitted_at_ = at;
  result.deadline_ = charges.deadline;
  result.flow_ = charges.flow;
  result.cost_ = request.cost;
  result.level_ = charges.levels.first;
  return result;
}

bool Admission::Admit::await_ready() {
  decision_ = admission_.decide(request_, context_.deadline(), true, charges_);
  if (decision_.verdict != Verdict::queue) return true;
  CostClass& of = admission_.class_of(request_);
  // Later than the class's own wait it is not in the queue in any case.
  waiting_.emplace(
      of.bound_, context_, request_.cost,
      core::Ticket{
          .level = charges_.levels.first, .flow = charges_.flow, .start_by = of.start_by(charges_.deadline)});
  return waiting_->await_ready();
}

Result<Admitted> Admission::Admit::await_resume() {
  if (waiting_) return after_waiting();
  if (decision_.verdict == Verdict::refuse) return std::unexpected(error_of(decision_));
  return Admission::admitted(request_, admission_.class_of(request_), charges_, request_.now);
}

Result<Admitted> Admission::Admit::after_waiting() {
  CostClass& of = admission_.class_of(request_);
  Result<core::Permit> permit = waiting_->await_resume();
  const TimePoint now = core::now();
  if (!permit) {
    Error error = permit.error();
    const bool ours = error.kind == ErrorKind::overloaded || error.kind == ErrorKind::invalid;
    if (ours) error.retry_after = of.retry_after(request_.cost, false, now);
    admission_.give_back(request_, charges_);
    of.waited({.reason = ours ? error.reason : Reason::none, .abandoned = !ours}, now);
    return std::unexpected(error);
  }
  charges_.permit = std::move(*permit);
  const TimePoint granted = waiting_->granted_at() == TimePoint() ? now : waiting_->granted_at();
  of.waited({.wait = std::max(granted - request_.now, Duration()),
             .queue_delay = std::max(now - granted, Duration()),
             .in_flight = static_cast<std::uint32_t>(of.bound_.in_use())},
            now);
  return Admission::admitted(request_, of, charges_, granted);
}

}  // namespace weir::admission

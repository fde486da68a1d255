#include "weir/core/limit.h"

#include <algorithm>

#include "weir/core/now.h"

namespace weir::core {
namespace {

TimePoint queue_deadline(const Limit& limit, const Ticket& ticket) {
  const Duration wait = limit.queue_wait();
  if (wait == Duration::zero()) return ticket.start_by;
  return std::min(ticket.start_by, saturating_add(now(), wait));
}

}  // namespace

void Permit::release() {
  if (limit_ == nullptr) return;
  if (mark_ != 0) [[unlikely]]
    unmark();
  std::exchange(limit_, nullptr)->semaphore_.release(weight_);
}

void Permit::unmark() {
  if (const std::uint32_t mark = std::exchange(mark_, 0); mark != 0) limit_->watch_->left(mark);
}

Limit::Limit(Options options)
    : options_(std::move(options)),
      order_(options_.order),
      queue_wait_(options_.queue_wait.count()),
      semaphore_({.units = options_.limit, .waiters_max = options_.queue_depth, .order = order_.get()}) {}

void Limit::set_queue(Queue queue) {
  queue_wait_.store(queue.wait.count(), std::memory_order_relaxed);
  semaphore_.resize_queue(queue.depth);
  if (queue.order == nullptr) return;
  semaphore_.reorder(*queue.order);
  order_ = std::move(queue.order);
}

Result<Permit> Limit::try_acquire(std::uint32_t weight) {
  if (closed_.load(std::memory_order_relaxed)) {
    return refuse({.kind = ErrorKind::overloaded, .reason = Reason::draining});
  }
  if (weight == 0) return refuse({.kind = ErrorKind::invalid});
  if (semaphore_.try_acquire(weight)) return admit(weight);
  if (weight > semaphore_.units()) return refuse({.kind = ErrorKind::invalid, .reason = Reason::too_large});
  return refuse({.kind = ErrorKind::overloaded, .reason = Reason::at_limit});
}

Limit::Acquire Limit::acquire(Context& context, std::uint32_t weight, const Ticket& ticket) {
  return {*this, context, weight, ticket};
}

Permit Limit::admit(std::uint32_t weight) {
  admitted_.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t in_use = semaphore_.in_use();
  std::uint64_t peak = peak_.load(std::memory_order_relaxed);
  while (in_use > peak && !peak_.compare_exchange_weak(peak, in_use, std::memory_order_relaxed)) {
  }
  return {*this, weight};
}

std::unexpected<Error> Limit::refuse(Error error) {
  std::atomic<std::uint64_t>* counter = &abandoned_;
  switch (error.reason) {
    case Reason::at_limit: counter = &refused_at_limit_; break;
    case Reason::queue_full: counter = &refused_queue_full_; break;
    case Reason::queue_wait: counter = &refused_queue_wait_; break;
    case Reason::evicted: counter = &evicted_; break;
    case Reason::expired: counter = &expired_; break;
    case Reason::draining: counter = &refused_draining_; break;
    default: break;
  }
  if (error.kind == ErrorKind::invalid) counter = &invalid_;
  counter->fetch_add(1, std::memory_order_relaxed);
  error.where = options_.name;
  return std::unexpected(error);
}

Limit::Stats Limit::stats() const {
  const auto read = [](const std::atomic<std::uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  };
  return {
      .limit = semaphore_.units(),
      .in_use = semaphore_.in_use(),
      .peak = read(peak_),
      .queued = semaphore_.waiters(),
      .admitted = read(admitted_),
      .refused_at_limit = read(refused_at_limit_),
      .refused_queue_full = read(refused_queue_full_),
      .refused_queue_wait = read(refused_queue_wait_),
      .refused_draining = read(refused_draining_),
      .evicted = read(evicted_),
      .expired = read(expired_),
      .abandoned = read(abandoned_),
      .invalid = read(invalid_),
  };
}

Limit::Acquire::Acquire(Limit& limit, Context& context, std::uint32_t weight, const Ticket& ticket)
    : limit_(limit),
      weight_(weight),
      queue_deadline_(queue_deadline(limit, ticket)),
      queue_ends_first_(queue_deadline_ < context.deadline()),
      expires_(queue_deadline_ == ticket.start_by),
      inner_(limit.semaphore_.acquire(context, weight, ticket, queue_deadline_)) {}

bool Limit::Acquire::await_ready() {
  closed_ = limit_.closed_.load(std::memory_order_relaxed);
  return closed_ || weight_ == 0 || inner_.await_ready();
}

Result<Permit> Limit::Acquire::await_resume() {
  if (closed_) return limit_.refuse({.kind = ErrorKind::overloaded, .reason = Reason::draining});
  if (weight_ == 0) return limit_.refuse({.kind = ErrorKind::invalid});
  const Result<TimePoint> acquired = inner_.await_resume();
  if (acquired) {
    granted_at_ = *acquired;
    return limit_.admit(weight_);
  }
  if (acquired.error().kind == ErrorKind::deadline && queue_ends_first_) {
    return limit_.refuse(
        {.kind = ErrorKind::overloaded, .reason = expires_ ? Reason::expired : Reason::queue_wait});
  }
  return limit_.refuse(acquired.error());
}

Limit::Acquiring Limit::on_acquire(std::uint32_t weight, const Ticket& ticket) {
  return {*this, weight, queue_deadline(*this, ticket), ticket};
}

Limit::Acquiring::Acquiring(Limit& limit, std::uint32_t weight, TimePoint queue_deadline,
                            const Ticket& ticket)
    : Request(limit.semaphore_, weight, WaitReason::semaphore),
      limit_(limit),
      units_(weight),
      queue_deadline_(queue_deadline),
      waiter_(*this, weight, ticket) {}

Limit::Acquiring::~Acquiring() {
  if (waited_ && !taken_) limit_.abandoned_.fetch_add(1, std::memory_order_relaxed);
}

bool Limit::Acquiring::try_now() {
  admissible_ = units_ != 0 && !limit_.closed_.load(std::memory_order_relaxed);
  return !admissible_ || Request::try_now();
}

Result<Permit> Limit::Acquiring::take() {
  taken_ = true;
  if (units_ == 0) return limit_.refuse({.kind = ErrorKind::invalid});
  if (!admissible_) return limit_.refuse({.kind = ErrorKind::overloaded, .reason = Reason::draining});
  if (refused()) return limit_.refuse(error());
  // Its time came.
  if (waited_ && !fulfilled()) {
    const bool expired = queue_deadline_ == waiter_.ticket().start_by;
    return limit_.refuse(
        {.kind = ErrorKind::overloaded, .reason = expired ? Reason::expired : Reason::queue_wait});
  }
  return limit_.admit(units_);
}

}  // namespace weir::core

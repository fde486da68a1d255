// Cancellation and deadlines, down the tree of work.
//
// A Context is passed to everything that can wait. Cancelling one cancels its
// children and ends their waits promptly with ErrorKind::cancelled; a wait
// past the deadline ends with ErrorKind::deadline. A child's deadline is never
// later than its parent's.
//
//   Context call(request.context(), now() + 2s);
//   auto reply = co_await upstream.fetch(call, ...);   // 2 s, or the request's end
//
// Callable from any thread. A Context outlives its children and every wait
// under it; scopes see to that.
#pragma once

#include <atomic>
#include <mutex>

#include "weir/base/clock.h"
#include "weir/base/intrusive_list.h"
#include "weir/base/result.h"
#include "weir/core/internal/lock.h"
#include "weir/core/internal/parking.h"

namespace weir::core {

class Context;
class Scope;

namespace internal {

struct ContextChild {};

}  // namespace internal

class Context : private ListNode<internal::ContextChild> {
 public:
  // A root: belongs to main.
  Context() = default;
  // `deadline` kNever: the parent's.
  explicit Context(Context& parent, TimePoint deadline = kNever);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // Idempotent. Every wait below has been told before it returns.
  void cancel();

  // relaxed: a hint in passing; whoever waits is woken under the lock.
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  TimePoint deadline() const { return deadline_; }

  // For work that computes without waiting: an error once there is no point in
  // going on.
  Result<> check(TimePoint now) const;

 private:
  friend class Scope;
  friend class Wait;
  friend class IntrusiveList<Context, internal::ContextChild>;

  // Of a scope: most are asked for it by nobody, and then its parent need not
  // know of it. Nothing waits under it or sees whether it is cancelled before
  // attach() has been called.
  struct Unattached {};
  Context(Context& parent, Unattached) : parent_(&parent), deadline_(parent.deadline_) {}
  // acquire: sees what attach() did.
  bool attached() const { return attached_.load(std::memory_order_acquire); }
  // Idempotent; any thread.
  void attach();

  // False: cancelled already, it is not enrolled.
  bool enroll(internal::Parking& parking) {
    const std::lock_guard guard(lock_);
    if (cancelled()) return false;
    waits_.push_back(parking);
    return true;
  }
  void withdraw(internal::Parking& parking) {
    ListNode<internal::InContext>& node = parking;
    const std::lock_guard guard(lock_);
    if (node.linked()) node.unlink();
  }

  Context* const parent_ = nullptr;
  const TimePoint deadline_ = kNever;
  std::atomic<bool> cancelled_{false};  // written under lock_
  std::atomic<bool> attached_{false};   // is among its parent's children; written under the parent's lock
  internal::Lock lock_;                 // guards the lists; a parent's is taken before a child's
  IntrusiveList<internal::Parking, internal::InContext> waits_;
  IntrusiveList<Context, internal::ContextChild> children_;
};

}  // namespace weir::core

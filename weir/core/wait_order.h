// In which order those who wait for a semaphore or a limit are served, and who
// of them is turned away. For those who write a queue (weir/admission/queue_*.h);
// without one, it is first in, first out.
//
//   Limit requests({.name = "requests", .limit = 200, .queue_depth = 400,
//                   .order = std::make_shared<LastInFirstOut>()});
//   Result<Permit> permit = co_await requests.acquire(ctx, 1, {.level = 3, .flow = hash(tenant)});
//
// A WaitOrder is plugged into one semaphore, and all its methods are called with
// that semaphore's lock held, one at a time: it has no lock of its own, does not
// wait, and is quick. Nothing is allocated for one who waits: its links are in
// the Waiter.
#pragma once

#include <cstdint>

#include "weir/base/clock.h"
#include "weir/base/intrusive_list.h"
#include "weir/base/result.h"

namespace weir::core {

namespace internal {
class Operation;
}

// What one who may have to wait says of itself.
struct Ticket {
  std::uint32_t level = 0;      // its priority: a higher one is more important
  std::uint64_t flow = 0;       // whose it is: a hash of its tenant, say
  TimePoint start_by = kNever;  // from then on it is not to be started any more
};

// The two lists one can be in at once.
struct InOrder {};
struct InIndex {};

// One who waits. It belongs to who waits, and is in a WaitOrder from push() to
// remove().
class Waiter : public ListNode<InOrder>, public ListNode<InIndex> {
 public:
  Waiter(internal::Operation& operation, std::uint64_t weight, const Ticket& ticket)
      : operation_(operation), weight_(weight), ticket_(ticket) {}

  std::uint64_t weight() const { return weight_; }  // units it waits for
  const Ticket& ticket() const { return ticket_; }
  std::uint32_t level() const { return ticket_.level; }
  std::uint64_t flow() const { return ticket_.flow; }
  TimePoint start_by() const { return ticket_.start_by; }
  TimePoint since() const { return since_; }  // when it began to wait
  // For how long; not below zero, though times of two processors differ a little.
  Duration sojourn(TimePoint now) const { return now > since_ ? now - since_ : Duration(); }
  // When its units were handed to it; zero: they were not, or at once.
  TimePoint granted_at() const { return granted_at_; }

  // The order's, for what it likes.
  std::uint32_t place = 0;

 private:
  friend class Semaphore;

  internal::Operation& operation_;
  const std::uint64_t weight_;
  const Ticket ticket_;
  // Guarded by the semaphore's lock.
  TimePoint since_ = {};
  TimePoint granted_at_ = {};
};

class WaitOrder {
 public:
  enum class Left : std::uint8_t { served, gone };

  // Who is next, and what becomes of it: served, or turned away, which `why_not`
  // then says (expired, queue_wait or evicted).
  struct Choice {
    Waiter* waiter = nullptr;
    Reason why_not = Reason::none;
  };

  WaitOrder() = default;
  WaitOrder(const WaitOrder&) = delete;
  WaitOrder& operator=(const WaitOrder&) = delete;
  virtual ~WaitOrder() = default;

  virtual void push(Waiter& waiter, TimePoint now) = 0;
  // Null exactly when nobody waits. Changes nothing that shows: who is to be
  // served and does not fit is asked for again, and one who came meanwhile may be
  // chosen instead. One who is to be turned away is removed next.
  virtual Choice choose(TimePoint now) = 0;
  // It was chosen (either way: gone also when turned away), evicted, or gave up.
  virtual void remove(Waiter& waiter, Left left) = 0;
  // As many wait as may: who goes for `arriving`, which is not in yet; null: none
  // is less important. The one it gives is removed next.
  virtual Waiter* evict(const Waiter& arriving) = 0;
};

}  // namespace weir::core

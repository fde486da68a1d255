// A weighted first-in-first-out semaphore for tasks.
//
// A released unit goes to the task that has waited longest, not to whoever
// asks next: nobody overtakes, so a heavy request is not starved by light
// ones. Uncontended, both directions are one compare-and-swap. Another order
// can be plugged in (wait_order.h); who waits then has a Ticket.
//
//   Semaphore memory({.units = 1 << 30, .waiters_max = 100});
//   if (auto got = co_await memory.acquire(ctx, size); !got) co_return got;
//   ...
//   memory.release(size);
//
// Any thread may try and release; tasks wait. Most code wants a Limit, whose
// Permit releases itself.
#pragma once

#include <atomic>
#include <cstdint>

#include "weir/base/check.h"
#include "weir/base/intrusive_list.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/internal/await.h"
#include "weir/core/internal/lock.h"
#include "weir/core/internal/operation.h"
#include "weir/core/internal/shake.h"
#include "weir/core/wait_order.h"

namespace weir::core {

class Semaphore {
 public:
  struct Options {
    std::uint64_t units = 1;  // how many may be held at once
    std::uint32_t waiters_max =
        0;  // how many tasks may wait; 0: none, acquire() refuses as try_acquire() does
    // Who of those that wait is served next; null: who came first. Of this
    // semaphore alone, and outlives it. All that wait do so with a Ticket.
    WaitOrder* order = nullptr;
  };

  class Request;
  // NOLINTBEGIN(cppcoreguidelines-virtual-class-destructor): final, where they are defined
  class Acquiring;
  class Ticketed;
  // NOLINTEND(cppcoreguidelines-virtual-class-destructor)
  using Acquire = internal::QuickAwait<Acquiring>;
  using AcquireInOrder = internal::QuickAwait<Ticketed>;

  explicit Semaphore(Options options);
  ~Semaphore();
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  // False when the units are not free, or when somebody waits already.
  bool try_acquire(std::uint64_t weight = 1) {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    do {
      if ((word & kWaiting) != 0 || !fits(weight, word)) return false;
    } while (!word_.compare_exchange_weak(word, word + weight, std::memory_order_acquire,
                                          std::memory_order_relaxed));
    return true;
  }

  // Awaits Result<>. Errors: overloaded (at_limit when nobody may wait,
  // queue_full when too many do), invalid when `weight` is more than there
  // will ever be, deadline, cancelled. Cancellation: nothing is taken.
  // WEIR_CHECKs that there is no order.
  Acquire acquire(Context& context, std::uint64_t weight = 1, TimePoint deadline = kNever);
  // Awaits Result<TimePoint>: when the units were given to it by who released
  // them, or zero when it has not waited. Errors: as above, and overloaded
  // (evicted, expired, queue_wait) where the order turns it away.
  AcquireInOrder acquire(Context& context, std::uint64_t weight, const Ticket& ticket,
                         TimePoint deadline = kNever);
  // The same as a case of a select().
  Acquiring on_acquire(std::uint64_t weight = 1);

  void release(std::uint64_t weight = 1) {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    do {
      WEIR_DCHECK((word & ~kWaiting) >= weight, "more units released than were taken");
      WEIR_SHAKE_HERE("release");
      if ((word & kWaiting) != 0) [[unlikely]]
        return release_to_waiters(weight);
    } while (!word_.compare_exchange_weak(word, word - weight, std::memory_order_release,
                                          std::memory_order_relaxed));
  }

  // Takes effect at once; units in use above the new number are not revoked. Who
  // waits for more than there are then is refused (invalid, too_large), as who asks
  // now is, and those behind it go on.
  void resize(std::uint64_t units);
  // How many may wait from now on. Who waits stays.
  void resize_queue(std::uint32_t waiters_max) { waiters_max_.store(waiters_max, std::memory_order_relaxed); }
  // From now on `order` says who is next; who waits goes over to it, in the order of
  // coming. WEIR_CHECKs that there was one. What the old one holds is free then.
  void reorder(WaitOrder& order);

  std::uint64_t units() const { return units_.load(std::memory_order_relaxed); }
  std::uint64_t in_use() const { return word_.load(std::memory_order_relaxed) & ~kWaiting; }
  std::uint32_t waiters() const { return waiters_count_.load(std::memory_order_relaxed); }
  std::uint32_t waiters_max() const { return waiters_max_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::uint64_t kWaiting = 1ull << 63;

  // With `in_use` units taken.
  bool fits(std::uint64_t weight, std::uint64_t in_use) const {
    const std::uint64_t units = units_.load(std::memory_order_relaxed);
    return weight <= units && in_use <= units - weight;
  }
  void release_to_waiters(std::uint64_t weight);
  void grant_locked();
  void join_locked(Request& request);
  void take_out_locked(Request& request, WaitOrder::Left left);
  void refuse_heavy_locked(std::uint64_t units);
  // With an order.
  bool join_in_order_locked(Request& request, Waiter& arriving);
  bool serve_locked(TimePoint now, const Request* arriving);

  // in_use, and kWaiting while the list is not empty. While kWaiting is set
  // only the holder of lock_ changes it. acquire on taking pairs with release
  // on giving back.
  std::atomic<std::uint64_t> word_{0};
  std::atomic<std::uint64_t> units_;
  std::atomic<std::uint32_t> waiters_max_;  // relaxed: it orders nothing
  internal::Lock lock_;
  std::atomic<std::uint32_t> waiters_count_{0};  // written under lock_
  // Guarded by lock_.
  WaitOrder* order_;                // and what it holds
  IntrusiveList<Request> waiters_;  // in the order of coming, also where another is served by
  std::uint64_t heaviest_ = 0;      // at least the weight of each of them
};

// What stands in the queue: of the semaphore itself, or of a shared mutex.
class Semaphore::Request : public internal::Operation {
 public:
  bool try_now() override { return semaphore_.try_acquire(weight_) || refuse_now(); }
  bool try_locked() final { return semaphore_.try_acquire(weight_); }
  bool enqueue_locked() override;
  void leave_locked() final;

 protected:
  Request(Semaphore& semaphore, std::uint64_t weight, WaitReason reason)
      : Operation(&semaphore.lock_, reason), semaphore_(semaphore), weight_(weight) {}
  ~Request() = default;

  std::uint64_t weight() const { return weight_; }
  // What an order knows of it; null: no order does.
  virtual Waiter* waiter() { return nullptr; }

 private:
  friend class Semaphore;

  // What can never be had, or not by waiting.
  bool refuse_now();
  // With the lock held, once it is in no queue: tells who waits for it, unless that
  // wait has ended otherwise.
  void turn_away(Refusal why);

  Semaphore& semaphore_;
  const std::uint64_t weight_;
};

class Semaphore::Acquiring final : public Request {
 public:
  using Value = Result<>;
  struct Now {
    Semaphore& semaphore;
    std::uint64_t weight;
    bool try_now() const { return semaphore.try_acquire(weight); }
    Value took() const { return {}; }
  };

  explicit Acquiring(Now now) : Acquiring(now.semaphore, now.weight) {}
  Acquiring(Semaphore& semaphore, std::uint64_t weight) : Request(semaphore, weight, WaitReason::semaphore) {}

  Result<> take() const {
    if (refused()) [[unlikely]]
      return std::unexpected(error());
    return {};
  }
};

// The same with what an order asks for.
class Semaphore::Ticketed final : public Request {
 public:
  using Value = Result<TimePoint>;
  struct Now {
    Semaphore& semaphore;
    std::uint64_t weight;
    Ticket ticket;
    bool try_now() const { return semaphore.try_acquire(weight); }
    Value took() const { return TimePoint(); }
  };

  explicit Ticketed(const Now& now)
      : Request(now.semaphore, now.weight, WaitReason::semaphore), waiter_(*this, now.weight, now.ticket) {}

  Result<TimePoint> take() const {
    if (refused()) [[unlikely]]
      return std::unexpected(error());
    return waiter_.granted_at();
  }

 protected:
  Waiter* waiter() override { return &waiter_; }

 private:
  Waiter waiter_;
};

inline Semaphore::Acquire Semaphore::acquire(Context& context, std::uint64_t weight, TimePoint deadline) {
  return {context, deadline, {*this, weight}};
}

inline Semaphore::AcquireInOrder Semaphore::acquire(Context& context, std::uint64_t weight,
                                                    const Ticket& ticket, TimePoint deadline) {
  return {context, deadline, {*this, weight, ticket}};
}

inline Semaphore::Acquiring Semaphore::on_acquire(std::uint64_t weight) { return {*this, weight}; }

}  // namespace weir::core

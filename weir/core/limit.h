// A Limit and its Permits: the only way to start work.
//
// `Scope::spawn` takes a Permit, and only a Limit makes one. A Permit is held
// for as long as the work lasts and gives itself back when it is destroyed.
//
//   Limit requests({.name = "requests", .limit = 200, .queue_depth = 400, .queue_wait = 50ms});
//   Result<Permit> permit = co_await requests.acquire(ctx);
//   if (!permit) return refuse(permit.error());     // overloaded, with its reason
//   scope.spawn(std::move(*permit), handle(request));
//
// Any thread may try and release; tasks wait. A Limit outlives its Permits.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "weir/core/semaphore.h"

namespace weir::core {

class Limit;

namespace internal {
class TaskPromise;
}

// Who wants to know how long a permit is held by who acquired it. For limits
// that keep account of it, which mark the permits they give.
class PermitWatch {
 public:
  // The permit that was marked so is given back, or has become a task's own. Any
  // thread.
  virtual void left(std::uint32_t mark) = 0;

 protected:
  ~PermitWatch() = default;
};

// Units of a Limit, held. Move-only; empty once moved from.
class [[nodiscard]] Permit {
 public:
  Permit() = default;
  Permit(Permit&& other) noexcept
      : limit_(std::exchange(other.limit_, nullptr)), weight_(other.weight_), mark_(other.mark_) {}
  Permit& operator=(Permit&& other) noexcept {
    if (this != &other) {
      release();
      limit_ = std::exchange(other.limit_, nullptr);
      weight_ = other.weight_;
      mark_ = other.mark_;
    }
    return *this;
  }
  ~Permit() {
    if (limit_ != nullptr) release();
  }

  explicit operator bool() const { return limit_ != nullptr; }
  std::uint32_t weight() const { return weight_; }
  const Limit* limit() const { return limit_; }

  // Gives the units back before the destructor would. Idempotent.
  void release();

 private:
  friend class Limit;
  friend class internal::TaskPromise;  // which keeps one in pieces
  Permit(Limit& limit, std::uint32_t weight) : limit_(&limit), weight_(weight) {}
  void unmark();

  Limit* limit_ = nullptr;
  std::uint32_t weight_ = 0;
  std::uint32_t mark_ = 0;  // of its limit's watch; 0: not watched
};

class Limit {
 public:
  struct Options {
    std::string name;               // as it appears in errors and metrics
    std::uint64_t limit = 1;        // units at once
    std::uint32_t queue_depth = 0;  // tasks that may wait; 0: none waits
    Duration queue_wait = {};       // how long one may wait; 0: as long as its context allows
    // Who of those that wait is served next (wait_order.h); empty: who came
    // first. Of this limit alone.
    std::shared_ptr<WaitOrder> order = {};
  };

  // Counts since construction; a snapshot whose fields may be a moment apart.
  struct Stats {
    std::uint64_t limit;
    std::uint64_t in_use;
    std::uint64_t peak;  // the most in use at once, as those who were admitted saw it
    std::uint64_t queued;
    std::uint64_t admitted;
    std::uint64_t refused_at_limit;
    std::uint64_t refused_queue_full;
    std::uint64_t refused_queue_wait;
    std::uint64_t refused_draining;
    std::uint64_t evicted;    // turned away from a full queue for who is more important
    std::uint64_t expired;    // not started, because too late for its deadline
    std::uint64_t abandoned;  // left the queue by its own deadline or cancellation
    std::uint64_t invalid;    // asked for nothing, or for more than there is
    std::uint64_t refused() const {
      return refused_at_limit + refused_queue_full + refused_queue_wait + refused_draining + evicted +
             expired;
    }
  };

  // Where those who wait do.
  struct Queue {
    std::uint32_t depth = 0;
    Duration wait = {};
    std::shared_ptr<WaitOrder> order = {};  // empty: as it is
  };

  class Acquire;
  // NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): final, where it is defined
  class Acquiring;

  explicit Limit(Options options);
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

  // Does not wait. Errors: overloaded (at_limit, draining), invalid when weight
  // is 0 (work under no bound) or exceeds the limit. No allocation.
  [[nodiscard]] Result<Permit> try_acquire(std::uint32_t weight = 1);

  // The same for who waits otherwise: empty where it would be refused, which counts
  // as no refusal.
  [[nodiscard]] Permit acquire_if_free(std::uint32_t weight = 1) {
    if (closed_.load(std::memory_order_relaxed) || weight == 0 || !semaphore_.try_acquire(weight)) return {};
    return admit(weight);
  }

  // Awaits Result<Permit>. Errors: overloaded (at_limit, queue_full,
  // queue_wait, draining), invalid as try_acquire() has it, deadline and
  // cancelled from the context. Cancellation: the permit is not taken.
  // With an order also overloaded (evicted, expired, queue_wait) where it turns
  // one away; overloaded (expired), order or not, where ticket.start_by comes
  // while it waits.
  Acquire acquire(Context& context, std::uint32_t weight = 1, const Ticket& ticket = {});
  // The same as a case of a select(): the errors, queue_wait too, are the case's
  // value. Its queue_wait begins here. Not chosen: no permit is taken, and it
  // counts as abandoned if it has waited.
  Acquiring on_acquire(std::uint32_t weight = 1, const Ticket& ticket = {});

  // Whether a unit was free a moment ago; counts as no attempt.
  bool has_room() const { return semaphore_.in_use() < semaphore_.units(); }

  // A moment ago.
  std::uint64_t in_use() const { return semaphore_.in_use(); }
  std::uint64_t limit() const { return semaphore_.units(); }
  std::uint32_t queued() const { return semaphore_.waiters(); }
  std::uint32_t queue_depth() const { return semaphore_.waiters_max(); }
  Duration queue_wait() const { return Duration(queue_wait_.load(std::memory_order_relaxed)); }

  // From now on nothing is admitted; what is held or waits goes on.
  void close() { closed_.store(true, std::memory_order_relaxed); }
  // Takes effect at once; who waits for more than there is then is refused as who
  // asks now is, and those behind it go on.
  void resize(std::uint64_t limit) { semaphore_.resize(limit); }
  // From now on. Who waits stays, for as long as it came for, and is served by the
  // new order, which is for limits that had one. By one thread at a time.
  void set_queue(Queue queue);

  const std::string& name() const { return options_.name; }
  // As it was made.
  const Options& options() const { return options_; }
  Stats stats() const;

  // Whoever keeps account of who holds its permits, and its number there; null:
  // nobody. Constant once it is in use.
  const PermitWatch* watch() const { return watch_; }
  std::uint32_t number() const { return number_; }

 protected:
  void set_watch(PermitWatch* watch, std::uint32_t number) {
    watch_ = watch;
    number_ = number;
  }
  // `mark`: not 0.
  static void set_mark(Permit& permit, std::uint32_t mark) { permit.mark_ = mark; }

 private:
  friend class Permit;

  Permit admit(std::uint32_t weight);
  std::unexpected<Error> refuse(Error error);

  const Options options_;
  std::shared_ptr<WaitOrder> order_;  // by set_queue() only; the semaphore has it
  std::atomic<Duration::rep> queue_wait_;
  Semaphore semaphore_;
  PermitWatch* watch_ = nullptr;
  std::uint32_t number_ = 0;
  std::atomic<bool> closed_{false};
  // Counters are relaxed: they order nothing.
  std::atomic<std::uint64_t> admitted_{0};
  std::atomic<std::uint64_t> peak_{0};
  std::atomic<std::uint64_t> refused_at_limit_{0};
  std::atomic<std::uint64_t> refused_queue_full_{0};
  std::atomic<std::uint64_t> refused_queue_wait_{0};
  std::atomic<std::uint64_t> refused_draining_{0};
  std::atomic<std::uint64_t> evicted_{0};
  std::atomic<std::uint64_t> expired_{0};
  std::atomic<std::uint64_t> abandoned_{0};
  std::atomic<std::uint64_t> invalid_{0};
};

class [[nodiscard]] Limit::Acquire {
 public:
  Acquire(Limit& limit, Context& context, std::uint32_t weight, const Ticket& ticket);

  bool await_ready();
  bool await_suspend(TaskHandle task) { return inner_.await_suspend(task); }
  [[nodiscard]] Result<Permit> await_resume();
  // After a success: when who released the units handed them over; zero: it has
  // not waited, or there is no order.
  TimePoint granted_at() const { return granted_at_; }

 private:
  Limit& limit_;
  const std::uint32_t weight_;
  const TimePoint queue_deadline_;
  const bool queue_ends_first_;  // before the caller's own deadline
  const bool expires_;           // the queue's end is the ticket's
  bool closed_ = false;
  TimePoint granted_at_ = {};
  Semaphore::AcquireInOrder inner_;
};

class Limit::Acquiring final : public Semaphore::Request {
 public:
  using Value = Result<Permit>;

  Acquiring(Limit& limit, std::uint32_t weight, TimePoint queue_deadline, const Ticket& ticket);
  // Has not begun, as every copy of an operation.
  Acquiring(const Acquiring& other)
      : Acquiring(other.limit_, other.units_, other.queue_deadline_, other.waiter_.ticket()) {}
  Acquiring& operator=(const Acquiring&) = delete;
  ~Acquiring();

  bool try_now() override;
  bool enqueue_locked() override { return waited_ = Request::enqueue_locked(); }
  TimePoint due() const override { return queue_deadline_; }
  Result<Permit> take();

 protected:
  Waiter* waiter() override { return &waiter_; }

 private:
  Limit& limit_;
  const std::uint32_t units_;
  const TimePoint queue_deadline_;
  Waiter waiter_;
  bool admissible_ = true;  // neither closed nor without weight
  bool waited_ = false;
  bool taken_ = false;
};

}  // namespace weir::core

// Requests of one cost: a bound whose limit a limiter moves, the queue before it,
// the priorities it sheds, and what was learned of them. One for each kind of
// request whose times have nothing to do with another's: reads, reports, uploads.
//
//   CostClass reads(ledger, {.name = "reads",
//                            .limiter = std::make_unique<QueueDelayLimiter>(...),
//                            .because = "what the database answers within 10 ms"});
//   Admission admission({.classes = {&reads, &reports}});
//   metrics.show(reads.stats());
//
// Any thread, except where it says otherwise. What it counts and feeds lies in
// shards, each with a lock that is held for some additions; whoever finds a window
// due takes them all, makes the step and moves the limit. The ledger outlives it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "weir/admission/limiter.h"
#include "weir/admission/shedder.h"
#include "weir/admission/step_clock.h"
#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/bounds/bound.h"
#include "weir/core/wait_order.h"

namespace weir::admission {

// How something that was admitted ended.
enum class Outcome : std::uint8_t {
  completed,
  dropped,    // refused further on, or timed out there: a sign of overload
  abandoned,  // its caller is gone: wasted
};

class CostClass {
 public:
  struct Options {
    std::string name;                                  // of its bound: in the ledger, refusals, metrics
    std::unique_ptr<Limiter> limiter = nullptr;        // null: a QueueDelayLimiter as it is by default
    std::shared_ptr<core::WaitOrder> queue = nullptr;  // null: a FairQueue as it is by default
    std::uint32_t queue_depth = 400;                   // that may wait; 0: none does
    Duration queue_wait = 100ms;                       // that one may wait; above 0
    Shedder::Options shedder = {};
    // Whoever runs the work calls Admitted::started(): it waits for a worker, or is
    // sent on. False: it runs as soon as its task goes on after admit().
    bool reports_start = false;
    std::uint32_t shards = 0;  // 0: as many as there are processors, at most 16
    std::string because = {};  // as bounds::Bound has them
    std::string derived_from = {};
    const bounds::Bound* parent = nullptr;
    Bytes each = {};
    Bytes each_queued = {};
  };

  // Why something was refused here; the rest of Reason does not occur.
  static constexpr std::array kReasons = {
      Reason::memory_low, Reason::descriptors_low, Reason::expired,      Reason::shed,     Reason::over_rate,
      Reason::keys_full,  Reason::too_large,       Reason::budget_spent, Reason::at_limit, Reason::queue_full,
      Reason::queue_wait, Reason::evicted,         Reason::draining,
  };

  // Counts since it was made; a snapshot whose fields may be a moment apart.
  // offered = admitted + refused + abandoned + what is queued.
  struct Stats {
    std::uint64_t offered = 0;
    std::uint64_t admitted = 0;
    std::uint64_t good = 0;                                // completed within its deadline
    std::array<std::uint64_t, kReasons.size()> refused{};  // by reason, evicted and expired included
    std::uint64_t abandoned = 0;  // left the queue cancelled, or at its context's deadline
    std::uint64_t dropped = 0;    // admitted, and refused further on or timed out there
    std::uint64_t wasted = 0;     // admitted, and in the end its caller was gone or its deadline past
    std::uint64_t in_flight = 0;  // units
    std::uint64_t queued = 0;
    std::uint32_t limit = 0;
    std::uint32_t threshold = 0;    // priority levels below it are shed
    Duration queue_delay = {};      // from being admitted to running: the last step's mean
    Duration wait = {};             // in our queue, of those who waited and were served: the last step's mean
    Duration service_time = {};     // learned: what nine in ten take at least; 0: not known
    double drained_per_second = 0;  // units completed; 0: not known
    std::uint64_t steps = 0;        // of the limiter

    std::uint64_t refused_total() const;
    std::uint64_t refused_for(Reason reason) const;
  };

  // WEIR_CHECKs its name and what its parts are made of.
  CostClass(bounds::Ledger& ledger, Options options);
  ~CostClass();
  CostClass(const CostClass&) = delete;
  CostClass& operator=(const CostClass&) = delete;

  const std::string& name() const { return bound_.name(); }
  const bounds::Bound& bound() const { return bound_; }
  Stats stats() const;
  // For a header of the reply, for clients that listen (resilience::ClientThrottle).
  std::uint32_t threshold() const { return shedder_.threshold(); }

  // From now on another algorithm, which begins at its own limit; what is held
  // stays valid.
  void set_limiter(std::unique_ptr<Limiter> limiter);
  // Another queue, whose wait is above 0: Limit::set_queue(). By one thread at a time.
  void set_queue(core::Limit::Queue queue);
  // Other shares of what is shed: Shedder::Options.
  void set_shares(const std::array<double, kClasses>& shares);
  // No longer admits; what waits or runs goes on.
  void close() { bound_.close(); }

 private:
  friend class Admission;
  friend class Admitted;
  struct Shard;
  struct Completed {};

  CostClass(bounds::Ledger& ledger, Options options, Completed);

  // What became of one that asked.
  enum class Fate : std::uint8_t { admitted, queued, refused };
  struct Arrival {
    Fate fate = Fate::admitted;
    Reason reason = Reason::none;  // of a refusal
    bool held_back = false;        // by the limit: waits, or was refused by it
    bool counts = false;           // as demand for the class, by which it sheds
    Levels levels = {};
    std::uint32_t cost = 1;
    std::uint32_t in_flight = 0;  // of one that was admitted, itself included
  };
  struct Ending {
    Duration response = {};
    std::uint32_t in_flight = 0;
    std::uint32_t cost = 1;
    Outcome outcome = Outcome::completed;
    bool late = false;
  };
  // What became of one that waited.
  struct Waited {
    Reason reason = Reason::none;  // none: it was admitted
    bool abandoned = false;
    Duration wait = {};
    Duration queue_delay = {};  // from being handed its units to running
    std::uint32_t in_flight = 0;
  };

  Shard& shard() const;
  // Each counts, and makes the step that is due.
  void arrived(const Arrival& arrival, TimePoint now);
  void waited(const Waited& waited, TimePoint now);
  void started(Duration queue_delay, std::uint32_t in_flight);
  void ended(const Ending& ending, TimePoint now);

  bool window_is_due(const Shard& mine, TimePoint now) const;
  bool shed_step_is_due(TimePoint now) const { return shed_step_due_.is(now, shedder_.every()); }
  void step(TimePoint now, bool limiter_is_due);
  void step_limiter(Window& window);
  void step_shedder(TimePoint now);
  void learn_service_time(double ns);
  void take_limit();

  Duration retry_after(std::uint32_t cost, bool shed, TimePoint now) const;
  // Whether what begins at `now`, or has to wait first, can be over by `deadline`.
  bool feasible(TimePoint now, TimePoint deadline) const;
  // The latest it may begin.
  TimePoint start_by(TimePoint deadline) const;

  bounds::Bound bound_;
  Shedder shedder_;
  const std::uint32_t shard_mask_;
  const std::unique_ptr<Shard[]> shards_;  // NOLINT(cppcoreguidelines-avoid-c-arrays): they do not move

  // Constant after construction.
  const bool reports_start_;

  // Written by step(); relaxed: they order nothing.
  StepDue shed_step_due_;
  StepDue window_due_;
  std::atomic<Duration::rep> pace_span_{0};
  std::atomic<std::uint32_t> pace_samples_{1};
  std::atomic<Duration::rep> service_time_{0};
  std::atomic<Duration::rep> queue_delay_{0};
  std::atomic<Duration::rep> wait_{0};
  std::atomic<std::uint64_t> steps_{0};

  std::mutex stepping_;
  // Guarded by stepping_.
  std::unique_ptr<Limiter> limiter_;
  LevelCounts arrivals_{};
  LevelCounts second_{};
  StepClock clock_;
  TimePoint stepped_at_ = clock_.now();
  TimePoint completed_at_ = {};  // when something last was
};

}  // namespace weir::admission

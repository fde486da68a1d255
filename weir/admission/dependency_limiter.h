// A limiter for what is done elsewhere: moves the bound before a dependency by what
// becomes of the requests that are with it.
//
//   bounds::Bound inflight(ledger, {.name = "upstream:catalog", .limit = 20, .limit_max = 200});
//   DependencyLimiter limiter(inflight, std::make_unique<QueueDelayLimiter>(...));
//   Result<core::Permit> permit = co_await inflight.acquire(ctx);
//   DependencyLimiter::Use use = limiter.begin(core::now());
//   ...
//   use.end(reply ? Outcome::completed : Outcome::dropped, core::now());
//
// The signal. How long requests wait at the dependency is out of sight, and the wait
// for the bound, which is in sight, is none: a lower limit makes it longer, and a
// limiter fed with it ends at its floor. The wait for our processors is not the
// dependency's doing. So no queue delay is fed: what is left is completions per
// second against the limit, by which the default limiter's slope guard decides, the
// response to say when to look, and what the dependency refuses or does not answer in
// time.
//
// Any thread. Nothing is allocated once it is made; without an algorithm it costs a
// load a request. The bound outlives it, and it outlives what it counts.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "weir/admission/cost_class.h"
#include "weir/admission/limiter.h"
#include "weir/admission/step_clock.h"
#include "weir/base/clock.h"
#include "weir/bounds/bound.h"

namespace weir::admission {

class DependencyLimiter {
 public:
  // One that is with the dependency. Where it is not told what came of it, nothing
  // follows from it: its caller left, or it failed for a reason that tells nothing of
  // how much the dependency can do.
  class [[nodiscard]] Use {
   public:
    Use() = default;
    Use(Use&& other) noexcept : limiter_(std::exchange(other.limiter_, nullptr)), began_(other.began_) {}
    Use& operator=(Use&&) = delete;
    ~Use() { end(Outcome::abandoned, {}); }

    // Idempotent: the first counts.
    void end(Outcome outcome, TimePoint now) {
      if (limiter_ != nullptr) std::exchange(limiter_, nullptr)->ended(outcome, began_, now);
    }

   private:
    friend class DependencyLimiter;
    Use(DependencyLimiter& limiter, TimePoint began) : limiter_(&limiter), began_(began) {}

    DependencyLimiter* limiter_ = nullptr;  // null: it is not counted
    TimePoint began_ = {};
  };

  // Counts since it was made.
  struct Stats {
    bool moves = false;
    std::uint32_t limit_min = 0;  // the lowest and the highest that the algorithm has set
    std::uint32_t limit_max = 0;
    std::uint64_t steps = 0;
    std::uint64_t completed = 0;
    std::uint64_t dropped = 0;
    std::uint64_t abandoned = 0;
  };

  // Null: the bound stays as it is.
  DependencyLimiter(bounds::Bound& bound, std::unique_ptr<Limiter> limiter);
  ~DependencyLimiter();
  DependencyLimiter(const DependencyLimiter&) = delete;
  DependencyLimiter& operator=(const DependencyLimiter&) = delete;

  // Under a permit of the bound.
  Use begin(TimePoint now);

  // Another, which begins at its own limit and may raise the bound to its own most;
  // null: none, and the bound is whose it was.
  void set_limiter(std::unique_ptr<Limiter> limiter);

  Stats stats() const;

 private:
  struct Shard;

  Shard& shard() const;
  void ended(Outcome outcome, TimePoint began, TimePoint now);
  bool is_due(const Window& mine, TimePoint now) const;
  void step(TimePoint now);
  void take_limit();

  bounds::Bound& bound_;
  const std::unique_ptr<Shard[]> shards_;  // NOLINT(cppcoreguidelines-avoid-c-arrays): they do not move

  // Written by whoever has stepping_; relaxed: they order nothing.
  std::atomic<bool> moves_{false};
  StepDue window_due_;
  std::atomic<Duration::rep> pace_span_{0};
  std::atomic<std::uint32_t> pace_samples_{1};
  std::atomic<std::uint32_t> limit_min_{0};
  std::atomic<std::uint32_t> limit_max_{0};
  std::atomic<std::uint64_t> steps_{0};

  std::mutex stepping_;
  // Guarded by stepping_.
  std::unique_ptr<Limiter> limiter_;  // null: none
  StepClock clock_;
  TimePoint stepped_at_ = clock_.now();
  std::uint64_t refused_ = 0;  // by the bound, at the last step
};

}  // namespace weir::admission

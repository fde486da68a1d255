// Faults at named points of a program: the delays and errors that its dependencies
// will one day give it, given now, on purpose, and taken back.
//
//   testing::FaultPoint query_point("db.query");      // beside what it stands for
//
//   task<Result<Row>> query(Context& ctx) {
//     if (Result<> fault = co_await testing::fault_point(ctx, query_point); !fault) {
//       co_return std::unexpected(fault.error());
//     }
//     ...
//   }
//
//   testing::FaultInjector faults({&query_point});    // in main, or in a test
//   auto slow = faults.set("db.query", {.what = Delay{.shape = ConstantDelay{20ms}},
//                                       .occurrence = Occurrence::share(0.1)});
//   ...
//   FaultCounts seen = slow->lift();                  // or its destructor
//
// Where no fault is set a pass is one relaxed load, so a production binary can
// carry its points. A fault applies to every pass that begins after set() has
// returned; lift() wakes those who wait in its delay. Any thread sets and lifts,
// any task passes. Points outlive the injector, and it what it has set.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/event.h"
#include "weir/core/wait.h"
#include "weir/testing/fault_rule.h"

namespace weir::testing {

// What a point does to the passes that are hit.
struct PointFault {
  std::variant<Delay, Error> what;
  Occurrence occurrence;
  std::uint64_t seed = 1;
};

// What has come of one fault so far. A snapshot whose fields may be a moment apart.
struct FaultCounts {
  std::uint64_t passes = 0;  // since it was set
  std::uint64_t hits = 0;    // of them those it chose
  // Delays that came to their end, and the sums of what they were to be and were.
  std::uint64_t delays = 0;
  Duration delay_asked{};
  Duration delay_achieved{};
  std::uint64_t cut_short = 0;  // delays that ended early: lifted, or the context's end
};

class FaultPoint;

namespace internal {

Result<> error_set_at(FaultPoint& point);

// A fault that is set. Kept by the point, its InjectedFault and those who wait in it.
struct SetFault {
  explicit SetFault(const PointFault& given) : fault(given) {}

  // The pass is counted; whether it is hit, and as which event.
  std::optional<std::uint64_t> hit();
  FaultCounts counts() const;

  // More tasks than this at once in one point pass without their delay.
  static constexpr std::uint32_t kDelayedMax = 1'000'000;

  const PointFault fault;
  core::Event lifted{{.waiters_max = kDelayedMax}};
  // Counters are relaxed: they order nothing. `passes` numbers the events.
  std::atomic<std::uint64_t> passes{0}, hits{0}, delays{0}, cut_short{0};
  std::atomic<Duration::rep> delay_asked{0}, delay_achieved{0};
};

}  // namespace internal

class FaultPoint {
 public:
  // `name`: as a scenario's `point:` gives it; a literal, or as long-lived as the point.
  explicit constexpr FaultPoint(std::string_view name) : name_(name) {}
  FaultPoint(const FaultPoint&) = delete;
  FaultPoint& operator=(const FaultPoint&) = delete;

  std::string_view name() const { return name_; }

  // relaxed: a pass that does not see a fault which is just being set is one that
  // came before it; the fault itself is read under the lock.
  bool quiet() const { return !armed_.load(std::memory_order_relaxed); }

 private:
  friend class FaultInjector;
  friend class FaultPass;
  friend class InjectedFault;
  friend Result<> internal::error_set_at(FaultPoint& point);

  enum Kind : std::uint8_t { delay, error };

  std::shared_ptr<internal::SetFault> find(Kind kind);
  // False: there is one of this kind.
  bool put(Kind kind, std::shared_ptr<internal::SetFault> fault);
  void take(Kind kind);

  const std::string_view name_;
  std::atomic<bool> armed_{false};  // whether any is set; written under the lock
  std::mutex lock_;
  std::array<std::shared_ptr<internal::SetFault>, 2> set_;  // by Kind; guarded by lock_
};

// Awaits Result<>: a pass through a point.
class [[nodiscard]] FaultPass {
 public:
  FaultPass(core::Context& context, FaultPoint& point) : context_(context), point_(point) {}

  bool await_ready() {
    if (point_.quiet()) [[likely]]
      return true;
    return begin();
  }
  bool await_suspend(core::TaskHandle task) { return wait_->await_suspend(task); }
  Result<> await_resume() {
    if (!set_) [[likely]]
      return {};
    return end();
  }

 private:
  using Wait = decltype(std::declval<core::Event&>().wait(std::declval<core::Context&>()));

  struct Set {
    std::optional<Error> error;                 // what the pass ends with, after its delay
    std::shared_ptr<internal::SetFault> delay;  // null: none
    TimePoint start, until;
  };

  bool begin();
  Result<> end();

  core::Context& context_;
  FaultPoint& point_;
  std::optional<Set> set_;    // none: nothing is done to this pass
  std::optional<Wait> wait_;  // for the end of the delay, or its being lifted
};

// Called by a task. Errors: the fault's that is set here; while it is delayed,
// cancelled and deadline from the context. Cancellation: loses nothing.
inline FaultPass fault_point(core::Context& context, FaultPoint& point) { return {context, point}; }

// For places that cannot wait: the error that is set here. A delay is not looked at.
inline Result<> fault_error(FaultPoint& point) {
  if (point.quiet()) [[likely]]
    return {};
  return internal::error_set_at(point);
}

// A fault that was set, until it is lifted. Move-only.
class [[nodiscard]] InjectedFault {
 public:
  InjectedFault(InjectedFault&& other) noexcept = default;
  InjectedFault& operator=(InjectedFault&& other) noexcept;
  ~InjectedFault() { lift(); }

  // So far.
  FaultCounts counts() const { return fault_->counts(); }
  // No later pass is hit, and who waits in its delay goes on. Idempotent.
  FaultCounts lift();

 private:
  friend class FaultInjector;
  InjectedFault(FaultPoint& point, FaultPoint::Kind kind, std::shared_ptr<internal::SetFault> fault)
      : point_(&point), kind_(kind), fault_(std::move(fault)) {}

  FaultPoint* point_;
  FaultPoint::Kind kind_;
  std::shared_ptr<internal::SetFault> fault_;  // null: moved from
};

class FaultInjector {
 public:
  static constexpr std::size_t kPointsMax = 1000;

  FaultInjector() = default;
  FaultInjector(std::initializer_list<FaultPoint*> points) {
    for (FaultPoint* point : points) add(*point);
  }
  FaultInjector(const FaultInjector&) = delete;
  FaultInjector& operator=(const FaultInjector&) = delete;

  // Before faults are set. WEIR_CHECKs that its name is new.
  void add(FaultPoint& point);

  // In the order they were added.
  std::vector<std::string_view> names() const;

  // A point has one delay and one error at a time; a pass waits first. Errors:
  // invalid (no such point, none; one of this kind is set there, at_limit).
  Result<InjectedFault> set(std::string_view point, const PointFault& fault);

 private:
  std::vector<FaultPoint*> points_;  // constant once faults are set
};

}  // namespace weir::testing

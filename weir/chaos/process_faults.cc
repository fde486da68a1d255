#include "weir/chaos/process_faults.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "weir/base/check.h"
#include "weir/bounds/bound.h"
#include "weir/core/event.h"
#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/testing/pressure.h"

namespace weir::chaos {
namespace {

class PointTarget final : public FaultTarget {
 public:
  explicit PointTarget(testing::FaultInjector& points) : points_(points) {}

  core::task<Result<>> on(core::Context&, const Event& event) override {
    testing::PointFault fault{.what = Error{}, .occurrence = event.occurrence, .seed = event.seed};
    if (const auto* delay = std::get_if<DelayFault>(&event.fault)) {
      fault.what = delay->delay;
    } else if (const auto* error = std::get_if<ErrorFault>(&event.fault)) {
      fault.what = Error{.kind = error->kind, .reason = error->reason, .where = "a fault on purpose"};
    } else {
      co_return fail(ErrorKind::unsupported);
    }
    auto injected = points_.set(event.target, fault);
    if (!injected) co_return std::unexpected(injected.error());
    const std::lock_guard guard(mutex_);
    injected_.emplace(&event, std::move(*injected));
    co_return Result<>();
  }

  core::task<FaultCounts> off(const Event& event) override {
    const std::lock_guard guard(mutex_);
    const auto found = injected_.find(&event);
    WEIR_CHECK(found != injected_.end(), "what is taken out was put in");
    const testing::FaultCounts counts = found->second.lift();
    injected_.erase(found);
    co_return FaultCounts{.passes = counts.passes,
                          .hits = counts.hits,
                          .delays = counts.delays,
                          .delay_asked = counts.delay_asked,
                          .delay_achieved = counts.delay_achieved};
  }

 private:
  testing::FaultInjector& points_;
  std::mutex mutex_;
  std::map<const Event*, testing::InjectedFault> injected_;  // guarded by mutex_
};

// A hold and the bound it is under, until both are gone.
struct Holding {
  testing::Hold hold;
  core::Event done;
};

core::task<void> hold_tasks(core::Context& context, bounds::Ledger& ledger, std::uint64_t count,
                            Holding& holding) {
  {
    bounds::Bound bound(ledger, {.name = "chaos-tasks",
                                 .limit = count,
                                 .because = "a task spike, on purpose",
                                 .each = testing::kTaskBytes});
    co_await testing::hold_tasks(context, bound, count, holding.hold);
  }
  holding.done.set();
}

core::task<void> hold_memory(core::Context& context, bounds::Ledger& ledger, Bytes bytes, Holding& holding) {
  {
    bounds::Bound bound(
        ledger,
        {.name = "chaos-memory", .limit = 1, .because = "memory pressure, on purpose", .each = bytes});
    const core::Permit permit = bound.try_acquire().value();
    co_await testing::hold_memory(context, bytes, holding.hold);
  }
  holding.done.set();
}

class PressureTarget final : public FaultTarget {
 public:
  explicit PressureTarget(bounds::Ledger& ledger) : ledger_(ledger) {}

  // Whose tasks hold. Before anything is put in; the target outlives it.
  void use(core::Scope& scope) { scope_ = &scope; }

  core::task<Result<>> on(core::Context& context, const Event& event) override {
    const bool spike = std::holds_alternative<TasksFault>(event.fault);
    if (ledger_.contains(spike ? "chaos-tasks" : "chaos-memory")) {
      co_return fail(ErrorKind::invalid, Reason::at_limit, "one pressure of a kind at a time");
    }
    Result<core::Permit> permit = holders_.try_acquire();
    if (!permit) co_return std::unexpected(permit.error());
    auto holding = std::make_unique<Holding>();
    if (spike) {
      scope_->spawn(std::move(*permit), hold_tasks(scope_->context(), ledger_,
                                                   std::get<TasksFault>(event.fault).count, *holding));
    } else {
      const auto bytes = bytes_of(std::get<MemoryFault>(event.fault));
      if (!bytes) co_return std::unexpected(bytes.error());
      scope_->spawn(std::move(*permit), hold_memory(scope_->context(), ledger_, *bytes, *holding));
    }
    Result<> held = co_await holding->hold.held.wait(context);
    if (held && holding->hold.failed) held = std::unexpected(*holding->hold.failed);
    if (!held) {
      co_await give_back(*holding);
      co_return held;
    }
    const std::lock_guard guard(mutex_);
    held_.emplace(&event, std::move(holding));
    co_return Result<>();
  }

  core::task<FaultCounts> off(const Event& event) override {
    const std::unique_ptr<Holding> holding = take(event);
    co_await give_back(*holding);
    const std::uint64_t count = holding->hold.count;
    if (std::holds_alternative<TasksFault>(event.fault)) co_return FaultCounts{.tasks = count};
    co_return FaultCounts{.bytes = count};
  }

 private:
  static Result<Bytes> bytes_of(const MemoryFault& fault) {
    if (fault.bytes.count > 0) return fault.bytes;
    const std::optional<Bytes> bytes = testing::bytes_to_share(fault.share);
    if (!bytes) return fail(ErrorKind::unsupported, Reason::system, "the limit of memory");
    return *bytes;
  }

  // Under a context of its own: it is waited for whatever else has ended.
  static core::task<void> give_back(Holding& holding) {
    core::Context always;
    holding.hold.release.set();
    (void)co_await holding.done.wait(always);
  }

  std::unique_ptr<Holding> take(const Event& event) {
    const std::lock_guard guard(mutex_);
    const auto found = held_.find(&event);
    WEIR_CHECK(found != held_.end(), "what is taken out was put in");
    std::unique_ptr<Holding> holding = std::move(found->second);
    held_.erase(found);
    return holding;
  }

  bounds::Ledger& ledger_;
  core::Limit holders_{{.name = "chaos-holders", .limit = Scenario::kEventsMax}};
  core::Scope* scope_ = nullptr;
  std::mutex mutex_;
  std::map<const Event*, std::unique_ptr<Holding>> held_;  // guarded by mutex_
};

}  // namespace

core::task<ScenarioRecord> play_in_process(core::Context& context, const Scenario& scenario,
                                           ProcessFaults faults, OnChange on_change) {
  PointTarget points(faults.points);
  PressureTarget pressure(faults.ledger);
  const FindTarget find = [&](const Event& event) -> FaultTarget* {
    if (event.target_kind == TargetKind::point) return &points;
    if (event.target_kind == TargetKind::process) return &pressure;
    return faults.proxies ? faults.proxies(event) : nullptr;
  };
  ScenarioRecord record;
  (void)co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
    pressure.use(scope);
    record = co_await play(scope.context(), scenario, find, std::move(on_change));
  });
  co_return record;
}

}  // namespace weir::chaos

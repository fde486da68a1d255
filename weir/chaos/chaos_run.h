// A scenario's proxies from their start to their drain, and what was achieved of
// what was asked.
//
//   ChaosRun run(scenario, std::move(bound), {});
//   Result<ChaosResult> result = co_await run.play(context);
//   for (const EventResult& event : result->events) ... event.verdict ...
//
// When `context` ends, or the scenario has, every fault is lifted at once, and
// what is open has a bounded time to end.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string_view>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/chaos/fault_tally.h"
#include "weir/chaos/proxies.h"
#include "weir/chaos/scenario.h"
#include "weir/chaos/scenario_run.h"
#include "weir/core/context.h"
#include "weir/core/task.h"

namespace weir::chaos {

// What passes for achieved. Whoever reads a result is told.
struct Tolerance {
  // 99% of what was held back left within so long of its time: what a timer of
  // the runtime is late, and a busy machine's share.
  Duration late = 5ms;
  // How far the rate may be from what was asked, where something was held back.
  double rate = 0.05;
};

enum class EventVerdict : std::uint8_t {
  achieved,
  missed,     // later, slower or faster than the tolerance allows
  no_chance,  // nothing passed that it could have been done to
  not_begun,  // the run ended before
};
std::string_view to_string(EventVerdict verdict);

EventVerdict judge(const Event& said, const FaultFigures& figures, const Tolerance& tolerance);

// The rate that was achieved while more was waiting; 0: too little to say.
double paced_rate(const FaultFigures& figures);

struct EventResult {
  EventVerdict verdict = EventVerdict::not_begun;
  FaultFigures figures;
};

struct ChaosResult {
  std::vector<EventResult> events;    // in the scenario's order
  std::vector<Proxy::Stats> proxies;  // likewise
  Duration length{};                  // until the faults were lifted for good
  bool interrupted = false;
  std::uint64_t cut_off = 0;  // connections that were still open after the drain
};

class ChaosRun {
 public:
  struct Options {
    // No faults at all: bytes pass, for as long as the scenario lasts.
    bool plain = false;
    // Goes on without faults when the scenario is over, until `context` ends.
    bool stay = false;
    // How long what is open then has to end.
    Duration drain = 2s;
    Proxies::Options proxies;
    Tolerance tolerance;
    // Told of each beginning and end, and when it is over but stays. On any processor, several at once;
    // quick.
    std::function<void(const ChaosRun& run)> on_change;
  };

  // All events of the scenario, which outlives this, are at proxies.
  ChaosRun(const Scenario& scenario, std::vector<BoundProxy> bound, Options options);

  // Once. Errors: Proxies::serve()'s. Cancellation: as above; the result says
  // that it was interrupted.
  core::task<Result<ChaosResult>> play(core::Context& context);

  // Any thread, once play() has begun.
  Duration elapsed() const;
  std::vector<const Event*> on_now() const;
  // The scenario was played to its end, and Options::stay goes on.
  bool is_over() const;
  Proxy::Stats stats() const { return proxies_.stats(); }
  const Scenario& scenario() const { return scenario_; }

 private:
  core::task<bool> play_events(core::Context& context);
  void note(const Event& event, bool is_on);
  void fill(ChaosResult& result) const;

  const Scenario& scenario_;
  const Options options_;
  Proxies proxies_;
  TimePoint start_{};        // constant once play() has begun
  mutable std::mutex lock_;  // guards all below
  std::vector<bool> on_;
  std::vector<bool> begun_;
  bool over_ = false;
};

}  // namespace weir::chaos

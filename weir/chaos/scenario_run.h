// Plays a scenario: each event's fault is put in at its time and taken out at its
// end, and a record says when that really was and what came of it.
//
//   class Proxies final : public FaultTarget { ... };
//   auto find = [&](const Event& event) -> FaultTarget* { return &proxies; };
//   ScenarioRecord record = co_await play(ctx, scenario, find);
//   if (record.error) ...          // everything has been taken out again even so
//
// What has been put in is taken out in every case: at the event's end, when the
// context is cancelled, and when another event fails.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/chaos/scenario.h"
#include "weir/core/context.h"
#include "weir/core/task.h"

namespace weir::chaos {

// What came of a fault while it was in. What does not apply to it is 0.
struct FaultCounts {
  std::uint64_t passes = 0;  // events that could have been hit: requests, connections, passes
  std::uint64_t hits = 0;    // of them those that were
  // Over the hits that were delayed to the end of their delay.
  std::uint64_t delays = 0;
  Duration delay_asked{};     // summed
  Duration delay_achieved{};  // summed
  std::uint64_t bytes = 0;    // let through, held or thrown away, as the fault has it
  std::uint64_t tasks = 0;    // that slept at once
};

// What faults are done to: proxies, points of a program, the process itself.
class FaultTarget {
 public:
  virtual ~FaultTarget() = default;

  // Returns when the fault is in. An event's on() and off() follow one another;
  // those of different events may run at once, on any processor. Error: it is not
  // in, and off() is not called. Cancellation: the same.
  virtual core::task<Result<>> on(core::Context& context, const Event& event) = 0;

  // Returns when nothing of the fault is left: live connections and waits included.
  // Waits for nothing but that, and cannot be cancelled.
  virtual core::task<FaultCounts> off(const Event& event) = 0;
};

struct EventRecord {
  const Event* event = nullptr;  // of the scenario
  // From the scenario's start, when on() and off() had returned. None: it was not
  // put in.
  std::optional<Duration> from;
  std::optional<Duration> until;
  FaultCounts counts;
  std::optional<Error> error;  // why it was not
};

struct ScenarioRecord {
  Duration length{};                // how long it really took
  std::vector<EventRecord> events;  // in the file's order
  // The first failure: an event's, cancelled, or deadline; none: it was played to its end.
  std::optional<Error> error;
};

// Whose event it is; null: nobody's, and then nothing is played (unsupported). It
// and the target outlive the run.
using FindTarget = std::function<FaultTarget*(const Event& event)>;

// Called when an event's fault is in, and when it is out again (`until` is set then).
// On any processor, several at once; quick.
using OnChange = std::function<void(const EventRecord& record)>;

// Returns at the scenario's end. The scenario outlives the record. A failure ends
// all events, because a run of which a part did not happen shows nothing.
core::task<ScenarioRecord> play(core::Context& context, const Scenario& scenario, FindTarget find,
                                OnChange on_change = {});

// A line for each event: when it was in, what it is, what came of it.
std::string record_text(const ScenarioRecord& record);

// One line of JSON.
std::string record_json(const ScenarioRecord& record);

}  // namespace weir::chaos

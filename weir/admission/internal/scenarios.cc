#include "weir/admission/internal/scenarios.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "weir/admission/aimd.h"
#include "weir/admission/fixed.h"
#include "weir/admission/gradient2.h"
#include "weir/admission/queue_delay.h"
#include "weir/admission/vegas.h"
#include "weir/base/units.h"

namespace weir::admission::internal {
namespace {

constexpr Discipline kShared = Discipline::sharing;
constexpr Discipline kHidden = Discipline::hidden;

const std::array kScenarios{
    Scenario{"staged",
             "100/s; the work takes 50 ms for 20 s, 150 ms for 2 min, then 50 ms; 12 servers shared, "
             "so that slow they can do 80/s",
             {.discipline = kShared,
              .servers = 12,
              .exponential = false,
              .phases = {{20s, 100, 50ms}, {120s, 100, 150ms}, {30s, 100, 50ms}}},
             20s,
             140s,
             80},
    Scenario{"staged, after",
             "the same, from when the work is quick again",
             {.discipline = kShared,
              .servers = 12,
              .exponential = false,
              .phases = {{20s, 100, 50ms}, {120s, 100, 150ms}, {30s, 100, 50ms}}},
             140s,
             170s,
             240,
             100ms},
    Scenario{"queue", "1,000/s into one server of 500/s", {.phases = {{10s, 1000, 2ms}}}, 0s, 10s, 500},
    Scenario{"cold start",
             "50,000/s from the first instant into 100 servers of 10 ms",
             {.servers = 100, .phases = {{5s, 50'000, 10ms}}},
             0s,
             5s,
             10'000},
    Scenario{"cold start, shared",
             "the same, all servers shared by all that is admitted",
             {.discipline = kShared, .servers = 100, .phases = {{5s, 50'000, 10ms}}},
             0s,
             5s,
             10'000},
    Scenario{"an hour",
             "100/s into 5 servers of 100 ms; the last ten minutes are judged",
             {.servers = 5, .phases = {{1h, 100, 100ms}}},
             50min,
             60min,
             50},
    Scenario{"an hour, shared",
             "the same, shared",
             {.discipline = kShared, .servers = 5, .phases = {{1h, 100, 100ms}}},
             50min,
             60min,
             50},
    Scenario{"slower for good",
             "500/s that wait for others, 20 ms and from 10 s on 60 ms; judged from then",
             {.discipline = kShared, .servers = 1000, .phases = {{10s, 500, 20ms}, {20s, 500, 60ms}}},
             10s,
             30s,
             16'000},
    Scenario{"one lucky response",
             "750/s into 10 servers of 10 ms, shared; one takes 0.1 ms; judged from then",
             {.discipline = kShared,
              .servers = 10,
              .exponential = false,
              .phases = {{20s, 750, 10ms}},
              .lucky_at = 5s},
             5s,
             20s,
             1000},
    Scenario{
        "return",
        "10 servers of 10 ms at half of their capacity, 30 s at five times, and half again; judged from then",
        {.servers = 10,
         .exponential = false,
         .phases = {{5s, 500, 10ms}, {30s, 5000, 10ms}, {5s, 500, 10ms}}},
        35s,
        40s,
        1000,
        20ms},
    Scenario{
        "gateway, first overload",
        "20 workers of 20 ms behind another service, at nine tenths of what they can do and then at twice "
        "that; judged from then",
        {.discipline = kHidden,
         .servers = 20,
         .exponential = false,
         .phases = {{10s, 900, 20ms}, {15s, 2000, 20ms}}},
        10s,
        25s,
        1000},
    Scenario{"gateway, surge",
             "the same at half of what they can do and then at five times",
             {.discipline = kHidden,
              .servers = 20,
              .exponential = false,
              .phases = {{10s, 500, 20ms}, {30s, 5000, 20ms}, {5s, 500, 20ms}}},
             10s,
             40s,
             1000},
    Scenario{"gateway, after the surge",
             "the same, when it is half again",
             {.discipline = kHidden,
              .servers = 20,
              .exponential = false,
              .phases = {{10s, 500, 20ms}, {30s, 5000, 20ms}, {5s, 500, 20ms}}},
             40s,
             45s,
             1000,
             30ms},
};

const std::array kContestants{
    Contestant{"queue delay",
               [] -> std::unique_ptr<Limiter> {
                 return std::make_unique<QueueDelayLimiter>(QueueDelayLimiter::Options{});
               }},
    Contestant{"Gradient2",
               [] -> std::unique_ptr<Limiter> {
                 return std::make_unique<Gradient2Limiter>(Gradient2Limiter::Options{});
               }},
    Contestant{
        "Vegas",
        [] -> std::unique_ptr<Limiter> { return std::make_unique<VegasLimiter>(VegasLimiter::Options{}); }},
    Contestant{
        "AIMD",
        [] -> std::unique_ptr<Limiter> { return std::make_unique<AimdLimiter>(AimdLimiter::Options{}); }},
    Contestant{"fixed at 20", [] -> std::unique_ptr<Limiter> { return std::make_unique<FixedLimiter>(20); }},
};

// What happened in [from, to): arrivals by when they came, the rest by when it
// ended.
struct Slice {
  std::uint64_t arrived = 0;
  std::uint64_t in_time = 0;
  std::uint64_t refused = 0;
  std::vector<Duration> latencies = {};

  void add(const Outcome& outcome, Duration deadline) {
    const Duration latency = outcome.ended - outcome.arrived;
    refused += outcome.served ? 0 : 1;
    in_time += outcome.served && latency <= deadline ? 1 : 0;
    if (outcome.served) latencies.push_back(latency);
  }
  double possible(double capacity, Duration length) const {
    return std::min(static_cast<double>(arrived), capacity * seconds(length));
  }
  Duration p99() {
    if (latencies.empty()) return {};
    const auto nth = latencies.begin() + static_cast<std::ptrdiff_t>(latencies.size() * 99 / 100);
    std::ranges::nth_element(latencies, nth);
    return *nth;
  }
};

// One after another, `length` long each, from `from` on.
std::vector<Slice> slices(const Scenario& scenario, const Record& record, Duration length) {
  std::vector<Slice> slices(static_cast<std::size_t>((scenario.to - scenario.from) / length));
  const auto at = [&](Duration time) -> Slice* {
    if (time < scenario.from) return nullptr;
    const auto index = static_cast<std::size_t>((time - scenario.from) / length);
    return index < slices.size() ? &slices[index] : nullptr;
  };
  for (const Outcome& outcome : record.outcomes) {
    if (Slice* slice = at(outcome.arrived)) ++slice->arrived;
    if (Slice* slice = at(outcome.ended)) slice->add(outcome, scenario.plan.deadline);
  }
  return slices;
}

// When the first stretch begins that is as all should be: long enough for a hundred
// completions, and no shorter than 100 ms.
std::optional<Duration> settled(const Scenario& scenario, const Record& record) {
  const Duration length = std::max(Duration(100ms), Duration(100s) / static_cast<int>(scenario.capacity));
  Duration begin = {};
  for (const Slice& slice : slices(scenario, record, length)) {
    const bool enough = static_cast<double>(slice.in_time) >= 0.9 * slice.possible(scenario.capacity, length);
    const bool normal = slice.refused == 0 && std::ranges::all_of(slice.latencies, [&](Duration latency) {
                          return latency <= scenario.normal;
                        });
    if (scenario.normal > 0ns ? normal : enough) return begin;
    begin += length;
  }
  return std::nullopt;
}

std::string in_ms(std::optional<Duration> span) {
  return span ? fmt::format("{:.0f} ms", milliseconds(*span)) : "never";
}

}  // namespace

std::span<const Scenario> scenarios() { return kScenarios; }
std::span<const Contestant> contestants() { return kContestants; }

Verdict judge(const Scenario& scenario, const Record& record) {
  const Duration length = scenario.to - scenario.from;
  Slice all = slices(scenario, record, length).front();
  const auto last = static_cast<std::size_t>(scenario.to / Record::kLimitEvery) - 1;
  return {.goodput = static_cast<double>(all.in_time) / all.possible(scenario.capacity, length),
          .p99 = all.p99(),
          .settled = settled(scenario, record),
          .limit = record.limits[std::min(last, record.limits.size() - 1)],
          .limit_min = record.limit_min};
}

Verdict run(const Scenario& scenario, const Contestant& contestant) {
  const std::unique_ptr<Limiter> limiter = contestant.make();
  return judge(scenario, simulate(scenario.plan, *limiter));
}

std::string limiters_page() {
  std::string page =
      "# Limiters, compared\n\n"
      "Generated: `WEIR_WRITE_DOCS=1 ctest -R LimitersPage` writes it, and without the variable the same\n"
      "test checks that it is what the code gives. The limiters are those that run, under a simulated\n"
      "server and clock (`weir/admission/internal/simulated_server.h`); the seed is fixed. Why the first\n"
      "one is as it is: `docs/design/limiters.md`.\n\n"
      "All have their own defaults, arrivals are a Poisson process, and what comes while the limit is\n"
      "reached waits 10 ms for it at most. Goodput is what was served within a second, of what was\n"
      "possible: the lesser of arrivals and capacity (what was admitted before, and service times that "
      "vary,\n"
      "can give a little more).\n"
      "p99 is of what was served, from its arrival, waiting included. Settled is when the first stretch\n"
      "of 100 completions and at least 100 ms began in which nine tenths of the possible were served, and\n"
      "where the load is one that can be served, in which nothing was refused or slow. The limit is the\n"
      "last one.\n";
  for (const Scenario& scenario : kScenarios) {
    page += fmt::format("\n## {}\n{}.\n\n", scenario.name, scenario.what);
    page += "| limiter | goodput | p99 | settled | limit |\n|---|---|---|---|---|\n";
    for (const Contestant& contestant : kContestants) {
      const Verdict verdict = run(scenario, contestant);
      page += fmt::format("| {} | {:.1f}% | {} | {} | {} |\n", contestant.name, 100 * verdict.goodput,
                          in_ms(verdict.p99), in_ms(verdict.settled), verdict.limit);
    }
  }
  return page;
}

}  // namespace weir::admission::internal

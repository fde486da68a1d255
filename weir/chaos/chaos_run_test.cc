#include "weir/chaos/chaos_run.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "weir/core/runtime.h"
#include "weir/core/scope.h"

namespace weir::chaos {
namespace {

FaultFigures figures_with(Duration late, int pieces = 100) {
  FaultFigures figures{.matched = 1, .hit = 1, .done = 1};
  for (int i = 0; i < pieces; ++i) figures.late.record(late);
  return figures;
}

FaultFigures paced(std::uint64_t bytes, Duration time) {
  return {.matched = 1, .hit = 1, .done = 1, .paced_bytes = bytes, .paced_time = time};
}

TEST(Judge, HoldsWhatWasDoneAgainstTheTolerance) {
  const Event delay{.fault = DelayFault{}};
  const Tolerance tolerance{.late = 5ms, .rate = 0.05};
  EXPECT_EQ(judge(delay, figures_with(4ms), tolerance), EventVerdict::achieved);
  EXPECT_EQ(judge(delay, figures_with(6ms), tolerance), EventVerdict::missed);
  EXPECT_EQ(judge(delay, FaultFigures{.matched = 9, .hit = 3}, tolerance), EventVerdict::no_chance);
  const Event rate{.fault = BandwidthFault{.per_second = Bytes{1'000'000}}};
  EXPECT_EQ(judge(rate, paced(1'040'000, 1s), tolerance), EventVerdict::achieved);
  EXPECT_EQ(judge(rate, paced(1'060'000, 1s), tolerance), EventVerdict::missed);
  EXPECT_EQ(judge(rate, paced(940'000, 1s), tolerance), EventVerdict::missed);
  EXPECT_EQ(judge(rate, paced(90'000, 90ms), tolerance), EventVerdict::no_chance) << "too short to say";
}

// One proxy before nobody; events at 0 and after half an hour.
Scenario scenario() {
  const auto parsed = parse_scenario(
      "test",
      "length: 1h\nproxies:\n  - { name: p, listen: 127.0.0.1:0, upstream: 127.0.0.1:9 }\nevents:\n"
      "  - { at: 0s, for: 10m, on: p, fault: refuse }\n"
      "  - { at: 30m, for: 10m, on: p, fault: hang }\n");
  EXPECT_TRUE(parsed);
  return parsed->scenario;
}

ChaosResult play(const Scenario& said, ChaosRun::Options options, core::Context** context = nullptr) {
  auto bound = Proxies::bind(said, 2);
  EXPECT_TRUE(bound) << bound.error();
  ChaosRun run(said, *bound, std::move(options));
  ChaosResult result;
  core::Runtime runtime({.processors = 2});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context playing(root.context());
    if (context != nullptr) *context = &playing;
    Result<ChaosResult> played = co_await run.play(playing);
    EXPECT_TRUE(played);
    if (played) result = std::move(*played);
  }));
  EXPECT_TRUE(run.on_now().empty());
  return result;
}

TEST(ChaosRun, InterruptedItLiftsWhatIsOnAndSaysWhatHadBegun) {
  core::Context* context = nullptr;
  std::string changes;
  const ChaosResult result = play(scenario(),
                                  {.on_change =
                                       [&](const ChaosRun& run) {
                                         changes += std::to_string(run.on_now().size());
                                         context->cancel();
                                       }},
                                  &context);
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(changes, "10");
  ASSERT_EQ(result.events.size(), 2u);
  EXPECT_EQ(result.events[0].verdict, EventVerdict::no_chance);
  EXPECT_EQ(result.events[1].verdict, EventVerdict::not_begun);
  EXPECT_EQ(result.cut_off, 0u);
}

TEST(ChaosRun, PlainItPassesBytesForAsLongAndDoesNothingElse) {
  Scenario said = scenario();
  said.length = 1ms;
  bool changed = false;
  const ChaosResult result =
      play(said, {.plain = true, .on_change = [&](const ChaosRun&) { changed = true; }});
  EXPECT_FALSE(changed);
  EXPECT_FALSE(result.interrupted);
  EXPECT_EQ(result.events[0].verdict, EventVerdict::not_begun);
}

TEST(Proxies, AnAddressThatIsTakenIsNamedAndNothingIsKept) {
  Scenario said = scenario();
  auto first = Proxies::bind(said, 1);
  ASSERT_TRUE(first);
  said.proxies.push_back({.name = "q",
                          .listen = {.host = "127.0.0.1", .port = first->front().local.port()},
                          .upstream = said.proxies[0].upstream});
  const auto second = Proxies::bind(said, 1);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), "proxy q cannot listen on " + first->front().local.to_string() +
                                ": internal: system at listen (Address already in use)");
  for (const int fd : first->front().sockets) ::close(fd);
}

}  // namespace
}  // namespace weir::chaos

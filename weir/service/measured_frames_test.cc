#include "weir/service/measured_frames.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "weir/bounds/bound.h"
#include "weir/core/runtime.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::service {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

core::task<> holds(core::Context& context) {
  std::array<volatile char, 2000> bytes{};
  bytes[0] = 1;
  (void)co_await core::sleep_for(context, 1h);
  bytes[1] = bytes[0];
}

std::string page_of(const MeasuredFrames& frames) {
  observe::Exposition page;
  frames.expose(page);
  return page.text();
}

TEST(MeasuredFrames, TellOnceOfABoundUnderWhichATaskTakesMoreThanIsDeclared) {
  core::Simulation simulation({.seed = 1});
  core::Runtime runtime({.processors = 1, .simulation = &simulation});
  bounds::Ledger ledger;
  bounds::Bound tight(ledger, {.name = "tight", .limit = 2, .each = Bytes{1000}});
  bounds::Bound wide(ledger, {.name = "wide", .limit = 2, .each = Bytes{10'000}});
  bounds::Bound open(ledger, {.name = "open", .limit = 2});
  std::vector<std::string> told;
  MeasuredFrames frames([&told](std::string_view line) { told.emplace_back(line); });
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    for (bounds::Bound* bound : {&tight, &wide, &open})
      root.spawn(bound->try_acquire().value(), holds(root.context()));
    (void)co_await core::sleep_for(root.context(), 1s);
    const MeasuredEach seen = frames.look(ledger.snapshot(), TimePoint(1h));
    EXPECT_EQ(seen.size(), 3u);
    for (const auto& [name, bytes] : seen) {
      EXPECT_GT(bytes, Bytes{2000}) << name;
      EXPECT_LT(bytes, Bytes{10'000}) << name;
    }
    EXPECT_THAT(told, ElementsAre(AllOf(HasSubstr("under tight"), HasSubstr("1000 B is declared"))));
    root.cancel();
  }));
  EXPECT_THAT(page_of(frames), HasSubstr("weir_bound_over_declared_total{bound=\"tight\"} 1"));
  // The tasks are gone: what they took is remembered, and looked at no more often.
  EXPECT_EQ(frames.look(ledger.snapshot(), TimePoint(1h) + MeasuredFrames::kEvery / 2).size(), 3u);
  EXPECT_EQ(frames.look(ledger.snapshot(), TimePoint(2h)).size(), 3u);
  EXPECT_EQ(told.size(), 1u);
  EXPECT_THAT(frames.look({}, TimePoint(3h)), IsEmpty()) << "bounds that are gone";
  EXPECT_THAT(page_of(frames), Not(HasSubstr("tight")));
}

}  // namespace
}  // namespace weir::service

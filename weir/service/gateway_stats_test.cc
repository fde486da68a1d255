#include "weir/service/gateway_stats.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "weir/base/clock.h"

namespace weir::service {
namespace {

TEST(Outcome, EachHasANameOfItsOwnThatIsFitForALabel) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    const std::string_view name = to_string(static_cast<Outcome>(i));
    EXPECT_NE(name, "unknown");
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos) << name;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

TEST(RouteStats, CountsEachOutcomeAndTimesOnlyWhatWasForwarded) {
  RouteStats stats("catalog", 2);
  stats.count(Outcome::forwarded, 3ms);
  stats.count(Outcome::forwarded, 1s);
  stats.count(Outcome::upstream_timeout, 10s);
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    const auto outcome = static_cast<Outcome>(i);
    const std::uint64_t expected = outcome == Outcome::forwarded          ? 2
                                   : outcome == Outcome::upstream_timeout ? 1
                                                                          : 0;
    EXPECT_EQ(stats.outcomes[i].value(), expected) << to_string(outcome);
  }
  EXPECT_EQ(stats.seconds.snapshot().count(), 2U);
  EXPECT_DOUBLE_EQ(stats.seconds.snapshot().sum_seconds, 1.003);
  EXPECT_EQ(stats.upstream, "catalog");
}

}  // namespace
}  // namespace weir::service

#include "weir/service/tier_rules.h"

#include <gtest/gtest.h>

#include <string>

#include "weir/bounds/ledger.h"

namespace weir::service {
namespace {

TiersConfig config() {
  return {.header = "X-Tier",
          .fallback = "read",
          .all = {{.name = "read", .share = 0.6, .methods = {"GET", "HEAD"}},
                  {.name = "write", .share = 0.3, .lends = false, .methods = {"POST", "PUT"}},
                  {.name = "batch", .share = 0.1, .most = 0.4, .paths = {"/export/", "/export/now/"}},
                  {.name = "quick", .share = 0, .paths = {"/export/now/at/"}}}};
}

std::uint32_t tier_of(const std::string& method, const std::string& target, const std::string& word = "") {
  http::RequestHead request;
  request.method = method;
  request.target = target;
  if (!word.empty()) request.headers.add("X-Tier", word);
  return TierRules(config()).tier_of(request);
}

TEST(TierRules, AHeaderIsBeforeAPathAndAPathBeforeAMethod) {
  EXPECT_EQ(tier_of("GET", "/"), 0u);
  EXPECT_EQ(tier_of("POST", "/"), 1u);
  EXPECT_EQ(tier_of("POST", "/export/a"), 2u);
  EXPECT_EQ(tier_of("POST", "/export/a", "write"), 1u);
  EXPECT_EQ(tier_of("POST", "/export/a", "unknown"), 2u);
  EXPECT_EQ(tier_of("DELETE", "/"), 0u) << "the default";
}

TEST(TierRules, TheLongestPathWinsAndAQueryIsNoPath) {
  EXPECT_EQ(tier_of("GET", "/export/now/at/once"), 3u);
  EXPECT_EQ(tier_of("GET", "/export/now/x"), 2u);
  EXPECT_EQ(tier_of("GET", "/exp?/export/now/at/"), 0u);
}

TEST(TierRules, PartsAreOfAllThatMayBeInsideAndWait) {
  GatewayConfig of;
  of.inflight.limit = 8;
  of.inflight.queue.depth = 2;
  of.tiers = config();
  const bounds::Budget::Options options = budget_options(of);
  EXPECT_EQ(options.limit, 10u);
  EXPECT_EQ(options.tiers[0].guaranteed, 6u);
  EXPECT_EQ(options.tiers[0].limit, 10u);
  EXPECT_EQ(options.tiers[1].guaranteed, 3u);
  EXPECT_FALSE(options.tiers[1].lends);
  EXPECT_EQ(options.tiers[2].limit, 4u);
}

// Whatever is right in a file can be built.
TEST(TierRules, SmallBoundsLeaveEachTierOne) {
  for (std::uint32_t limit = 1; limit < 40; ++limit) {
    GatewayConfig of;
    of.inflight.limit = limit;
    of.tiers = config();
    of.tiers->all[2].most = 0.000001;
    of.tiers->all[2].share = 0.000001;
    const bounds::Ledger ledger;
    const auto right = bounds::Budget::verify(ledger, budget_options(of));
    EXPECT_TRUE(right) << limit << ": " << right.error();
  }
}

}  // namespace
}  // namespace weir::service

#include "weir/service/foreseen_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "weir/service/config.h"

namespace weir::service {
namespace {

GatewayConfig config_of(std::string_view upstreams, std::string_view shadow = "") {
  const Parsed parsed = parse_config(
      "test", std::string("service: s\nbounds: { inflight: { limit: 7, queue: { depth: 3 }, because: b } }\n"
                          "upstreams:\n")
                  .append(upstreams)
                  .append("routes: [ { match: /, upstream: u")
                  .append(shadow)
                  .append(" } ]\n"));
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().text(Colour::no));
  return parsed ? parsed->config : GatewayConfig{};
}

std::vector<bounds::Row> after(std::vector<bounds::Row> rows, const GatewayConfig& to) {
  const auto addresses = TargetAddresses::resolve(to, {});
  EXPECT_TRUE(addresses);
  return rows_after(std::move(rows), to, *addresses);
}

const bounds::Row* row_named(const std::vector<bounds::Row>& rows, std::string_view name) {
  const auto found = std::ranges::find(rows, name, &bounds::Row::name);
  return found == rows.end() ? nullptr : &*found;
}

TEST(ForeseenRows, WhatStaysHasItsNewNumbers) {
  const auto rows =
      after({{.name = "inflight", .limit = 2, .each = kibibytes(9)},
             {.name = "upstream:u", .limit = 1, .descriptors_each = 1},
             {.name = "tenant", .limit = 4}},
            config_of("  u: { targets: [ { url: \"http://127.0.0.1:1\" }, { url: \"http://127.0.0.1:2\" } ], "
                      "inflight: 6, queue: { depth: 5 }, because: b }\n"));
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].limit, 7U);
  EXPECT_EQ(rows[0].queue_limit, 3U);
  EXPECT_EQ(rows[0].each, kibibytes(9));
  EXPECT_EQ(rows[1].limit, 6U);
  EXPECT_EQ(rows[1].queue_limit, 5U);
  EXPECT_EQ(rows[1].descriptors_each, 2U) << "several targets";
  EXPECT_EQ(rows[1].ports_to, (std::vector<std::string>{"127.0.0.1:1", "127.0.0.1:2"}));
  EXPECT_EQ(rows[2].limit, 4U) << "not a reload's to say here";
}

TEST(ForeseenRows, WhatIsNewIsCounted) {
  const auto rows =
      after({{.name = "inflight", .limit = 2}},
            config_of("  u: { url: \"http://127.0.0.1:1\", inflight: 6, because: b, health: { path: / }, "
                      "hedge: {}, defer: { bytes: 1MiB, entries: 5, results: 10 } }\n",
                      ", shadow: { upstream: u, inflight: 4, body_bytes: 1KiB }"));
  for (const char* name : {"upstream:u", "hedges:u", "health:u", "deferring:u", "deferred:u", "shadow:/"}) {
    EXPECT_NE(row_named(rows, name), nullptr) << name;
  }
  EXPECT_EQ(row_named(rows, "upstream:u")->limit, 6U);
  EXPECT_GT(row_named(rows, "upstream:u")->worst_case().count, 6 * kibibytes(16).count);
  EXPECT_GE(row_named(rows, "deferred:u")->worst_case().count, 10U);
  EXPECT_EQ(row_named(rows, "shadow:/")->limit, 4U);
  EXPECT_GT(row_named(rows, "shadow:/")->each, kibibytes(1));
}

TEST(ForeseenRows, RepliesThatAreComposedAreCounted) {
  const auto rows = after({{.name = "composing:GET,HEAD /old", .limit = 9}},
                          config_of("  u: { url: \"http://127.0.0.1:1\", inflight: 6, because: b }\n",
                                    " }, { path: /c, compose: { at_once: 4, body_bytes: 1MiB, parts: { p: { "
                                    "upstream: u, path: / } } }"));
  EXPECT_EQ(row_named(rows, "composing:GET,HEAD /old"), nullptr);
  ASSERT_NE(row_named(rows, "composing:GET,HEAD /c"), nullptr);
  EXPECT_GT(row_named(rows, "composing:GET,HEAD /c")->worst_case(), mebibytes(4));
}

TEST(ForeseenRows, WhatIsGoneHoldsWhatItHolds) {
  const auto rows = after({{.name = "upstream:idle", .limit = 100},
                           {.name = "upstream:busy", .limit = 100, .in_use = 3, .queue_depth = 2},
                           {.name = "shadow:/old", .limit = 10}},
                          config_of("  u: { url: \"http://127.0.0.1:1\", inflight: 6, because: b }\n"));
  EXPECT_EQ(row_named(rows, "upstream:idle"), nullptr);
  EXPECT_EQ(row_named(rows, "shadow:/old"), nullptr);
  ASSERT_NE(row_named(rows, "upstream:busy"), nullptr);
  EXPECT_EQ(row_named(rows, "upstream:busy")->limit, 3U);
  EXPECT_EQ(row_named(rows, "upstream:busy")->queue_limit, 2U);
}

}  // namespace
}  // namespace weir::service

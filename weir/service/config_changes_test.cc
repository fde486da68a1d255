#include "weir/service/config_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace weir::service {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kBase = R"(service: shop
bounds:
  inflight: { limit: 200, because: b }
  tenant: { key: "header:X-T", inflight: 20, because: b }
upstreams:
  catalog: { url: "http://127.0.0.1:9001", inflight: 50, because: b }
routes:
  - { match: "/", upstream: catalog }
)";

std::vector<std::string> changes(std::string_view overlay) {
  const Parsed from = parse_config("base", kBase);
  const std::vector<ConfigText> overlays{{"over", overlay}};
  const Parsed to = parse_config({"base", kBase}, overlays);
  if (!from || !to) return {to ? "?" : to.error().text(Colour::no)};
  std::vector<std::string> lines;
  for (const ConfigChange& change : config_changes(from->config, to->config)) lines.push_back(change.text());
  return lines;
}

TEST(ConfigChanges, AreNoneWhereOnlyTheWritingDiffers) {
  EXPECT_THAT(changes("listen: \"127.0.0.1:8080\"\ndrain: { deadline: 10000ms }"), IsEmpty());
}

TEST(ConfigChanges, OfWhatMovesAndOfWhatNeedsARestart) {
  EXPECT_THAT(
      changes("bounds: { inflight: { limit: 300 } }\nlisten: 127.0.0.1:8081\ndrain: { deadline: 1m }"),
      ElementsAre("listen: 127.0.0.1:8080 -> 127.0.0.1:8081 (needs a restart)",
                  "bounds.inflight.limit: 200 -> 300", "drain.deadline: 10s -> 1m"));
}

TEST(ConfigChanges, OfAnUpstreamGoByItsName) {
  EXPECT_THAT(
      changes("upstreams: { catalog: { timeout: 3s }, pay: { url: \"http://a\", inflight: 5, because: b } "
              "}\nroutes: [ { match: /, upstream: catalog }, { match: /pay, upstream: pay } ]"),
      ElementsAre("upstreams.catalog.timeout: 10s -> 3s", "upstreams.pay: none -> there",
                  "routes: / to catalog -> / to catalog, /pay to pay"));
}

// What is kept idle follows the bound where the file does not say it.
TEST(ConfigChanges, OfADefaultThatFollows) {
  EXPECT_THAT(changes("upstreams: { catalog: { inflight: 60 } }"),
              ElementsAre("upstreams.catalog.inflight: 50 -> 60",
                          "upstreams.catalog.connections.idle_max: 50 -> 60"));
}

}  // namespace
}  // namespace weir::service

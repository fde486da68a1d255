#include "weir/service/composition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weir/service/config.h"

namespace weir::service {
namespace {

using testing::ElementsAre;
using testing::Optional;

RouteConfig route_of(std::string path, const std::vector<std::string>& parts) {
  RouteConfig route{.match = "", .upstream = "u", .path = std::move(path)};
  route.compose.emplace();
  for (const std::string& part : parts) {
    route.compose->parts.push_back(
        {.name = "p" + std::to_string(route.compose->parts.size()), .upstream = "u", .path = part});
  }
  return route;
}

TEST(PartTargets, HaveWhatStandsForTheNamesOfTheRoute) {
  const RouteConfig route =
      route_of("/shops/{shop}/items/{id}", {"/{id}", "/v1/{shop}/{id}.json?of={shop}", "/fixed"});
  EXPECT_THAT(part_targets(route, "/shops/7/items/a%20b"),
              Optional(ElementsAre("/a%20b", "/v1/7/a%20b.json?of=7", "/fixed")));
  EXPECT_THAT(part_targets(route, "/shops//items/"), Optional(ElementsAre("/", "/v1//.json?of=", "/fixed")));
}

TEST(PartTargets, HaveTheQueryOfTheRequestWhereTheyHaveNone) {
  const RouteConfig route = route_of("/{a}", {"/x", "/y?z=1"});
  EXPECT_THAT(part_targets(route, "/b?q=2&r={a}"), Optional(ElementsAre("/x?q=2&r={a}", "/y?z=1")));
}

TEST(PartTargets, DoNotLeadElsewhere) {
  const RouteConfig route = route_of("/{a}/end", {"/private/{a}/me"});
  for (const char* dots : {".", "..", "%2e", "%2E.", ".%2e", "..."}) {
    EXPECT_EQ(part_targets(route, "/" + std::string(dots) + "/end"), std::nullopt) << dots;
  }
  EXPECT_THAT(part_targets(route, "/..a/end"), Optional(ElementsAre("/private/..a/me")));
  EXPECT_THAT(part_targets(route, "/%2f/end"), Optional(ElementsAre("/private/%2f/me")));
  EXPECT_THAT(part_targets(route_of("/{a}/end", {"/x"}), "/../end"), Optional(ElementsAre("/x")));
}

TEST(Composition, CountsPartsByNameAndKeepsThoseThatStay) {
  bounds::Ledger ledger;
  RouteConfig route = route_of("/", {"/x", "/y"});
  Composition composition(ledger, route, {});
  composition.count("p0", Composition::Fate::given);
  composition.count("p1", Composition::Fate::late);
  composition.count("other", Composition::Fate::given);
  route.compose->parts[1].name = "new";
  composition.apply(*route.compose);
  EXPECT_THAT(composition.counts(), ElementsAre(std::pair("new", Composition::Fates{}),
                                                std::pair("p0", Composition::Fates{1, 0, 0, 0, 0})));
}

TEST(Composition, IsARowThatIsForeseen) {
  bounds::Ledger ledger;
  RouteConfig route = route_of("/", {"/x", "/y"});
  route.compose->at_once = 3;
  const Composition composition(ledger, route, {});
  const bounds::Row foreseen = Composition::declared_row(route, {});
  const auto row = ledger.find("composing:/");
  ASSERT_TRUE(row);
  EXPECT_EQ(row->limit, 3u);
  EXPECT_EQ(row->name, foreseen.name);
  EXPECT_EQ(row->worst_case(), foreseen.worst_case());
  EXPECT_GT(row->each, route.compose->body_bytes);
}

}  // namespace
}  // namespace weir::service

#include "weir/service/route_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <string>

#include "weir/base/rng.h"
#include "weir/service/forwarding.h"

namespace weir::service {
namespace {

using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

http::RequestHead request(std::string method, std::string_view host, std::string target, Fields fields = {}) {
  http::RequestHead head{.method = std::move(method), .target = std::move(target)};
  head.headers.add("Host", host);
  for (const auto& [name, value] : fields) head.headers.add(name, value);
  return head;
}

// The upstream of the route that takes it; "" for none.
std::string taken(const std::vector<RouteConfig>& routes, const http::RequestHead& head) {
  const auto found = RouteTable(routes).find(head);
  return found ? routes[*found].upstream : "";
}

TEST(RouteTable, TakesTheLongestBeginningWhereverItStands) {
  const std::vector<RouteConfig> routes{{.match = "/", .upstream = "root"},
                                        {.match = "/v1/items/", .upstream = "items"},
                                        {.match = "/v1", .upstream = "v1"},
                                        {.match = "/v1/item", .upstream = "item"}};
  EXPECT_EQ(taken(routes, request("GET", "h", "/v1/items/7?x=/v1/")), "items");
  EXPECT_EQ(taken(routes, request("GET", "h", "/v1/items")), "item");
  EXPECT_EQ(taken(routes, request("GET", "h", "/v1/its")), "v1");
  EXPECT_EQ(taken(routes, request("GET", "h", "/v10")), "v1");
  EXPECT_EQ(taken(routes, request("GET", "h", "/a")), "root");
  EXPECT_EQ(taken({{.match = "/b/", .upstream = "b"}}, request("GET", "h", "/a")), "");
  EXPECT_EQ(taken({{.match = "/b/", .upstream = "b"}}, request("GET", "h", "/c")), "");
}

TEST(RouteTable, FitsPathsWithNames) {
  const std::vector<RouteConfig> routes{
      {.match = "", .upstream = "one", .path = "/v1/items/{id}"},
      {.match = "", .upstream = "parts", .path = "/v1/items/{id}/parts/{part}"},
      {.match = "", .upstream = "best", .path = "/v1/items/best"},
      {.match = "/v1/", .upstream = "rest"}};
  EXPECT_EQ(taken(routes, request("GET", "h", "/v1/items/7?x=1")), "one");
  EXPECT_EQ(taken(routes, request("GET", "h", "/v1/items/best")), "best");
  EXPECT_EQ(taken(routes, request("GET", "h", "/v1/items/bestest")), "one");
  EXPECT_EQ(taken(routes, request("GET", "h", "/v1/items/7/parts/8")), "parts");
  EXPECT_EQ(taken(routes, request("GET", "h", "/v1/items/")), "rest") << "a segment is not empty";
  EXPECT_EQ(taken(routes, request("GET", "h", "/v1/items/7/")), "rest");
  EXPECT_EQ(taken(routes, request("GET", "h", "/v1/items/7/parts")), "rest");
}

TEST(RouteTable, TakesTheHostThatIsWrittenOutThenTheLongestSuffix) {
  const std::vector<RouteConfig> routes{{.match = "/", .upstream = "any"},
                                        {.match = "/", .upstream = "below", .host = "*.example.com"},
                                        {.match = "/", .upstream = "eu", .host = "*.eu.example.com"},
                                        {.match = "/shop/", .upstream = "shop", .host = "shop.example.com"}};
  EXPECT_EQ(taken(routes, request("GET", "shop.example.com", "/shop/1")), "shop");
  EXPECT_EQ(taken(routes, request("GET", "SHOP.Example.com:8080", "/shop/1")), "shop");
  EXPECT_EQ(taken(routes, request("GET", "shop.example.com.", "/shop/1")), "shop");
  EXPECT_EQ(taken(routes, request("GET", "shop.example.com", "/a")), "below") << "its own has nothing for it";
  EXPECT_EQ(taken(routes, request("GET", "a.eu.example.com", "/")), "eu");
  EXPECT_EQ(taken(routes, request("GET", "a.b.example.com", "/")), "below");
  EXPECT_EQ(taken(routes, request("GET", "example.com", "/")), "any");
  EXPECT_EQ(taken(routes, request("GET", "badexample.com", "/")), "any");
  EXPECT_EQ(taken(routes, request("GET", "", "/")), "any");
  EXPECT_EQ(taken(routes, request("GET", "[::1]:80", "/")), "any");
  EXPECT_EQ(taken(routes, request("GET", std::string(400, 'a') + ".example.com", "/")), "any");
}

TEST(RouteTable, PrefersWhoAsksForMore) {
  const std::vector<RouteConfig> routes{
      {.match = "/", .upstream = "any"},
      {.match = "/", .upstream = "get", .methods = {"GET", "HEAD"}},
      {.match = "/", .upstream = "there", .headers = {{.name = "X-Canary"}}},
      {.match = "/", .upstream = "begins", .headers = {{"X-Canary", HeaderMatch::Kind::prefix, "b-"}}},
      {.match = "/", .upstream = "is", .headers = {{"X-Canary", HeaderMatch::Kind::exact, "b-1"}}},
      {.match = "/", .upstream = "both", .headers = {{.name = "X-Canary"}, {.name = "X-More"}}}};
  EXPECT_EQ(taken(routes, request("POST", "h", "/")), "any");
  EXPECT_EQ(taken(routes, request("HEAD", "h", "/")), "get");
  EXPECT_EQ(taken(routes, request("GET", "h", "/", {{"X-Canary", "a"}})), "get") << "a method comes first";
  EXPECT_EQ(taken(routes, request("POST", "h", "/", {{"x-canary", ""}})), "there");
  EXPECT_EQ(taken(routes, request("POST", "h", "/", {{"X-Canary", "b-2"}})), "begins");
  EXPECT_EQ(taken(routes, request("POST", "h", "/", {{"X-Canary", "b-1"}})), "is");
  EXPECT_EQ(taken(routes, request("POST", "h", "/", {{"X-Canary", "b-1"}, {"X-More", "1"}})), "both");
}

TEST(RouteTable, GoesOnWithShorterBeginningsWhereTheLongestDoesNotFit) {
  const std::vector<RouteConfig> routes{{.match = "/a/", .upstream = "a"},
                                        {.match = "/a/b/", .upstream = "ab", .methods = {"POST"}},
                                        {.match = "/a/c/", .upstream = "ac"}};
  EXPECT_EQ(taken(routes, request("GET", "h", "/a/b/x")), "a");
  EXPECT_EQ(taken(routes, request("POST", "h", "/a/b/x")), "ab");
}

TEST(RouteTable, KnowsRoutesThatTakeNothing) {
  const std::vector<RouteConfig> routes{
      {.match = "/", .upstream = "u", .methods = {"GET", "POST"}},
      {.match = "/", .upstream = "u", .methods = {"GET"}},
      {.match = "/", .upstream = "u"},
      {.match = "", .upstream = "u", .path = "/v1/{id}"},
      {.match = "", .upstream = "u", .path = "/v1/{name}"},
      {.match = "/", .upstream = "u", .host = "a"},
      {.match = "/", .upstream = "u", .headers = {{"X", HeaderMatch::Kind::exact, "1"}, {.name = "Y"}}},
      {.match = "/", .upstream = "u", .headers = {{.name = "Y"}, {"X", HeaderMatch::Kind::exact, "2"}}}};
  const auto found = RouteTable(routes).shadowed();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].route, 1U);
  EXPECT_EQ(found[0].by, 0U);
  EXPECT_FALSE(found[0].same);
  EXPECT_EQ(found[1].route, 4U);
  EXPECT_EQ(found[1].by, 3U);
  EXPECT_TRUE(found[1].same);
}

// Against a search through all of them, on many random tables.
TEST(RouteTable, FindsWhatASearchOfAllFinds) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Xoshiro rng(seed);
    const auto text = [&rng](std::size_t most) {
      std::string out = "/";
      for (std::size_t i = below(rng, most); i > 0; --i) out += "ab/"[below(rng, 3)];
      return out;
    };
    std::vector<RouteConfig> routes(1 + below(rng, 30));
    for (RouteConfig& route : routes) {
      route.match = text(7);
      if (below(rng, 3) == 0) route.host = below(rng, 2) == 0 ? "a.b" : "*.b";
      if (below(rng, 4) == 0) route.methods = {"GET"};
    }
    const RouteTable table(routes);
    for (int i = 0; i < 60; ++i) {
      const http::RequestHead head =
          request(below(rng, 2) == 0 ? "GET" : "PUT", below(rng, 2) == 0 ? "a.b" : "c.b", text(9));
      const std::string_view host = *head.headers.get("host");
      const auto rank = [](const RouteConfig& r) {
        return std::tuple(r.host.empty() ? 0 : r.host == "*.b" ? 1 : 2, r.match.size(), !r.methods.empty());
      };
      std::optional<std::size_t> best;
      for (std::size_t at = 0; at < routes.size(); ++at) {
        const RouteConfig& route = routes[at];
        const bool fits = head.target.starts_with(route.match) && (route.host != "a.b" || host == "a.b") &&
                          (route.methods.empty() || head.method == "GET");
        if (fits && (!best || rank(route) > rank(routes[*best]))) best = at;
      }
      ASSERT_EQ(table.find(head), best)
          << "seed " << seed << ": " << head.method << ' ' << host << head.target;
    }
  }
}

}  // namespace
}  // namespace weir::service

// Each mistake a bounds file can hold: where it is said to be, in which words, and
// that nothing else is said.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "weir/service/config.h"

namespace weir::service {
namespace {

using testing::ElementsAreArray;

// Right, without a warning. The cases below exchange a part of it.
constexpr std::string_view kBase = R"(service: shop
listen: 127.0.0.1:8080
admin: 127.0.0.1:9090
bounds:
  inflight: { limit: 200, because: b }
  tenant: { key: "header:X-T", inflight: 20, because: b }
upstreams:
  catalog: { url: "http://127.0.0.1:9001", inflight: 50, because: b }
routes:
  - { match: "/", upstream: catalog }
)";

std::vector<std::string> findings_of(std::string_view text) {
  const Parsed parsed = parse_config("f", text);
  const Diagnostics& findings = parsed ? parsed->warnings : parsed.error();
  std::vector<std::string> lines;
  for (const Diagnostic& item : findings.items()) lines.push_back(findings.line(item).substr(2));
  return lines;
}

struct Case {
  std::string_view from, to;
  std::vector<std::string> findings;
};

void expect_each(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    std::string text(kBase);
    const std::size_t at = text.find(one.from);
    ASSERT_NE(at, std::string::npos) << one.from;
    text.replace(at, one.from.size(), one.to);
    EXPECT_THAT(findings_of(text), ElementsAreArray(one.findings)) << text;
  }
}

TEST(ConfigMistakes, AreNoneInTheBaseOfTheseTests) {
  EXPECT_THAT(findings_of(kBase), ElementsAreArray<std::string>({}));
}

// YAML's escapes bring in what the file itself may not have.
TEST(ConfigMistakes, ReasonsThatATerminalWouldTakeForCommands) {
  expect_each({
      {"limit: 200, because: b",
       R"(limit: 200, because: "its pool\x07")",
       {"5:36: error: bounds.inflight.because: control byte 0x07 in the file; a configuration is plain "
        "text"}},
      {"inflight: 50, because: b",
       R"(inflight: 50, because: "\x1b[2J")",
       {"8:67: error: upstreams.catalog.because: control byte 0x1b in the file; a configuration is plain "
        "text"}},
      {"inflight: 50, because: b", R"(inflight: 50, because: "two\nlines\n")", {}},
      {"limit: 200, because: b",
       R"(limit: 200, because: "\n")",
       {"5:3: warning: bounds.inflight does not say why it has this size; add because: \"...\", for whoever "
        "has to change it"}},
  });
}

TEST(ConfigMistakes, UnknownKeys) {
  expect_each({
      {"listen:",
       "lissten:",
       {"2:1: error: unknown key \"lissten\" at the top level; did you mean \"listen\"?"}},
      {"listen:",
       "colour:",
       {"2:1: error: unknown key \"colour\" at the top level; known here: service, listen, admin, tls, "
        "bounds, "
        "upstreams, "
        "routes, server, access_log, drain"}},
      {"because: b }\n  tenant",
       "becuase: b }\n  tenant",
       {"5:3: warning: bounds.inflight does not say why it has this size; add because: \"...\", for whoever "
        "has to "
        "change it",
        "5:27: error: unknown key \"becuase\" in bounds.inflight; did you mean \"because\"?"}},
      {"inflight: 50,",
       "inflight: 50, retries: 3,",
       {"8:58: error: unknown key \"retries\" in upstreams.catalog; known here: url, targets, eject, health, "
        "contract, slow_start, inflight, timeout, "
        "protocol, because, "
        "connections, tls, queue, limiter, retry, budget, breaker, hedge, throttle, cache, singleflight, "
        "defer, "
        "fallback"}},
      {"match: \"/\",",
       "match: \"/\", pefix: 1,",
       {"10:19: error: unknown key \"pefix\" in routes[0]; known here: match, path, host, method, headers, "
        "upstream, split, sticky, shadow, compose, rewrite, request, reply"}},
      {"routes:",
       "drain: { dealine: 1s }\nroutes:",
       {"9:10: error: unknown key \"dealine\" in drain; did you mean \"deadline\"?"}},
      {"routes:",
       "server.connections: 1\nroutes:",
       {"9:1: error: unknown key \"server.connections\" at the top level; known here: service, listen, "
        "admin, tls, bounds, "
        "upstreams, routes, server, access_log, drain"}},
      {"routes:",
       "\"\\e[31m\": 1\nroutes:",
       {"9:1: error: unknown key \"\\x1b[31m\" at the top level; known here: service, listen, admin, tls, "
        "bounds, "
        "upstreams, routes, server, access_log, drain"}},
      {"routes:",
       "<<: { a: 1 }\nroutes:",
       {"9:1: error: unknown key \"<<\" at the top level; known here: service, listen, admin, tls, bounds, "
        "upstreams, "
        "routes, server, access_log, drain"}},
      {"routes:", "[a]: 1\nroutes:", {"9:1: error: a key at the top level must be a word, is a list"}},
  });
}

TEST(ConfigMistakes, KeysGivenTwice) {
  expect_each({
      {"admin:",
       "listen: 127.0.0.1:1\nadmin:",
       {"3:1: error: key \"listen\" is given twice at the top level; the first is at 2:1: keep one of them"}},
      {"limit: 200,",
       "limit: 200, limit: 300,",
       {"5:27: error: key \"limit\" is given twice in bounds.inflight; the first is at 5:15: keep one of "
        "them"}},
      {"routes:",
       "  catalog: { url: 1 }\nroutes:",
       {"9:3: error: key \"catalog\" is given twice in upstreams; the first is at 8:3: keep one of them"}},
  });
}

TEST(ConfigMistakes, MissingKeys) {
  expect_each({
      {"service: shop",
       "",
       {"1:1: error: missing key \"service\" at the top level; for example service: shop-edge"}},
      {"limit: 200, ", "", {"5:3: error: missing key \"limit\" in bounds.inflight; for example limit: 200"}},
      {"key: \"header:X-T\", ",
       "",
       {"6:3: error: missing key \"key\" in bounds.tenant; for example key: \"header:X-Tenant-ID\""}},
      {"inflight: 20, ",
       "",
       {"6:3: error: missing key \"inflight\" in bounds.tenant; for example inflight: 20"}},
      {"url: \"http://127.0.0.1:9001\", inflight: 50, ",
       "",
       {"8:3: error: missing key \"inflight\" in upstreams.catalog; for example inflight: 50",
        "8:3: error: missing key \"url\" in upstreams.catalog; for example url: "
        "\"http://127.0.0.1:9001\"; or targets, for several"}},
      {", upstream: catalog",
       "",
       {"10:5: error: missing key \"upstream\" in routes[0]; for example upstream: catalog"}},
      {"match: \"/\", ",
       "",
       {"10:5: error: missing key \"match\" in routes[0]; for example match: \"/v1/\"; or path, for the "
        "whole of "
        "it"}},
      {"bounds:\n  inflight: { limit: 200, because: b }\n  tenant: { key: \"header:X-T\", inflight: 20, "
       "because: b }\n",
       "",
       {"1:1: error: missing key \"bounds\" at the top level; for example bounds: { inflight: { limit: 200 } "
        "}"}},
      {"  inflight: { limit: 200, because: b }\n",
       "",
       {"4:1: error: missing key \"inflight\" in bounds; for example inflight: { limit: 200 }"}},
      {"routes:\n  - { match: \"/\", upstream: catalog }\n",
       "",
       {"1:1: error: missing key \"routes\" at the top level; for example routes: [{ match: \"/\", upstream: "
        "catalog }]"}},
  });
}

TEST(ConfigMistakes, ValuesThatAreMissingOrOfAnotherKind) {
  expect_each({
      {"service: shop", "service:", {"1:1: error: service has no value; for example service: shop-edge"}},
      {"service: shop", "service: \"\"", {"1:10: error: service is empty; for example shop-edge"}},
      {"service: shop",
       "service: [shop]",
       {"1:10: error: service must be text, is a list; for example service: shop-edge"}},
      {"limit: 200",
       "limit: { a: 1 }",
       {"5:22: error: bounds.inflight.limit must be a number, is a map; for example limit: 200"}},
      {"limit: 200", "limit: ~", {"5:15: error: bounds.inflight.limit has no value; for example limit: 200"}},
      {"limit: 200",
       "limit: 200, queue: 400",
       {"5:34: error: bounds.inflight.queue must be a map, is a single value; for example { depth: 400, "
        "wait: 50ms }"}},
      {"{ limit: 200, because: b }",
       "200",
       {"5:13: error: bounds.inflight must be a map, is a single value; for example { limit: 200 }"}},
      {"{ limit: 200, because: b }",
       "",
       {"5:3: error: missing key \"limit\" in bounds.inflight; for example limit: 200",
        "5:3: warning: bounds.inflight does not say why it has this size; add because: \"...\", for whoever "
        "has to "
        "change it"}},
      {"  - { match: \"/\", upstream: catalog }",
       "  /: catalog",
       {"10:3: error: routes must be a list, is a map; for example routes: [{ match: \"/\", upstream: "
        "catalog }]"}},
      {"  - { match: \"/\", upstream: catalog }",
       "  - /",
       {"10:5: error: routes[0] must be a map, is a single value; for example { match: \"/\", upstream: "
        "catalog }"}},
      {"\n  - { match: \"/\", upstream: catalog }",
       " []",
       {"9:9: error: routes is empty; declare at least one, for example routes: [{ match: \"/\", upstream: "
        "catalog }]"}},
      {"\n  - { match: \"/\", upstream: catalog }",
       "",
       {"9:1: error: routes has no value; for example routes: [{ match: \"/\", upstream: catalog }]"}},
      {"\n  catalog: { url: \"http://127.0.0.1:9001\", inflight: 50, because: b }",
       " [catalog]",
       {"7:12: error: upstreams must be a map, is a list; for example upstreams: { catalog: { url: "
        "\"http://127.0.0.1:9001\", inflight: 50 } }"}},
      {"{ url: \"http://127.0.0.1:9001\", inflight: 50, because: b }",
       "\"http://127.0.0.1:9001\"",
       {"8:12: error: upstreams.catalog must be a map, is a single value; for example { url: "
        "\"http://127.0.0.1:9001\", inflight: 50 }"}},
  });
}

TEST(ConfigMistakes, NumbersDurationsAndSizes) {
  expect_each({
      {"limit: 200",
       "limit: 0",
       {"5:22: error: bounds.inflight.limit is 0; must be from 1 to 1000000; 0 would refuse every request"}},
      {"limit: 200",
       "limit: -200",
       {"5:22: error: bounds.inflight.limit is -200, which is negative; must be from 1 to 1000000"}},
      {"limit: 200",
       "limit: many",
       {"5:22: error: bounds.inflight.limit must be a whole number, is \"many\"; for example 200"}},
      {"limit: 200",
       "limit: 99999999999999999999",
       {"5:22: error: bounds.inflight.limit is 99999999999999999999; must be from 1 to 1000000"}},
      {"limit: 200",
       "limit: 200, queue: { depth: -1, wait: 50 }",
       {"5:43: error: bounds.inflight.queue.depth is -1, which is negative; must be from 0 to 1000000",
        "5:53: error: bounds.inflight.queue.wait must be a duration, is \"50\"; give it a unit: 50ms or "
        "50s"}},
      {"limit: 200",
       "limit: 200, queue: { depth: 1, wait: 0 }",
       {"5:52: error: bounds.inflight.queue.wait is 0; must be from 1us to 1m; 0 would let nothing wait: for "
        "no queue "
        "set depth to 0"}},
      {"inflight: 50,",
       "inflight: 50, timeout: 2h,",
       {"8:67: error: upstreams.catalog.timeout is 2h; must be from 1ms to 1h"}},
      {"inflight: 50,",
       "inflight: 50, connections: { idle_timeout: 5x },",
       {"8:87: error: upstreams.catalog.connections.idle_timeout must be a duration, is \"5x\"; units are "
        "ns, us, ms, "
        "s, m and h, numbers are whole, as in 30s or 1m30s"}},
      {"routes:",
       "server: { header_bytes: 32kb, headers: 1,000 }\nroutes:",
       {"9:25: error: server.header_bytes must be a number of bytes, is \"32kb\"; did you mean 32KB?",
        "9:42: error: unknown key \"000\" in server; known here: connections, header_bytes, headers, "
        "target_bytes, "
        "body_bytes, header_timeout, body_grace, body_rate, write_timeout, idle_timeout, trusted, "
        "client_field, proxy_protocol, http2, "
        "rate_fields, websockets, "
        "websocket_idle"}},
      {"because: b }\n  tenant",
       "because: " + std::string(501, 'b') + " }\n  tenant",
       {"5:36: error: bounds.inflight.because is 501 bytes long; at most 500"}},
  });
}

TEST(ConfigMistakes, NamesAddressesAndUrls) {
  constexpr const char* kNames =
      "; letters, digits, '-', '_' and '.', at most 63, the first a letter or digit";
  expect_each({
      {"service: shop",
       "service: shop edge",
       {std::string("1:10: error: service \"shop edge\" is no name") + kNames}},
      {"service: shop",
       "service: -shop",
       {std::string("1:10: error: service \"-shop\" is no name") + kNames}},
      {"  catalog: {",
       "  \"cat log\": {",
       {std::string("8:3: error: upstream \"cat log\" is no name") + kNames,
        "10:29: error: there is no upstream \"catalog\"; did you mean \"cat log\"?"}},
      {"listen: 127.0.0.1:8080",
       "listen: 8080",
       {"2:9: error: listen: \"8080\" has no host; write 127.0.0.1:8080, or 0.0.0.0:8080 for all "
        "interfaces"}},
      {"admin: 127.0.0.1:9090",
       "admin: 127.0.0.1:90900",
       {"3:8: error: admin: port \"90900\" is out of range; from 0 to 65535"}},
      {"admin: 127.0.0.1:9090",
       "admin: 127.0.0.1:8080",
       {"3:8: error: listen and admin are both at 127.0.0.1:8080; give each a port of its own"}},
      {"admin: 127.0.0.1:9090",
       "admin: 0.0.0.0:8080",
       {"3:8: error: listen and admin are both at 0.0.0.0:8080; give each a port of its own"}},
      {"listen: 127.0.0.1:8080",
       "listen: 127.0.0.1:9090\n",
       {"4:8: error: listen and admin are both at 127.0.0.1:9090; give each a port of its own"}},
      {"\nadmin: 127.0.0.1:9090",
       "9090\n",
       {"2:9: error: listen: port \"80809090\" is out of range; from 0 to 65535"}},
      {"http://127.0.0.1:9001",
       "http://127.0.0.1:9001/api",
       {"8:19: error: upstreams.catalog.url: \"/api\" after the host is not supported; requests keep their "
        "own path: "
        "end the url after the port"}},
      {"http://127.0.0.1:9001",
       "http://127.0.0.1:8080",
       {"8:19: error: upstream \"catalog\" is this gateway's own address 127.0.0.1:8080; requests would go "
        "round until "
        "the bound is full: name the service behind it"}},
      {"header:X-T",
       "X-T",
       {"6:18: error: bounds.tenant.key \"X-T\" does not say where to look; did you mean \"header:X-T\"?"}},
      {"header:X-T",
       "header:X T",
       {"6:18: error: \"X T\" is no header name; for example header:X-Tenant-ID"}},
      {"header:X-T", "header:", {"6:18: error: \"\" is no header name; for example header:X-Tenant-ID"}},
      {"header:X-T",
       "cookie: x",
       {"6:18: error: bounds.tenant.key \"cookie: x\" does not say where to look; write \"header:\" and a "
        "header's "
        "name"}},
  });
}

TEST(ConfigMistakes, PortZeroIsFreeAndMeetsNothing) {
  expect_each(
      {{"listen: 127.0.0.1:8080\nadmin: 127.0.0.1:9090", "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0", {}}});
}

TEST(ConfigMistakes, AnUpstreamThatLeadsBackToTheGateway) {
  constexpr std::string_view kRight = "listen: 127.0.0.1:8080\nadmin: 127.0.0.1:9090";
  constexpr std::string_view kAll = "listen: 0.0.0.0:8080\nadmin: 127.0.0.1:9090";
  for (const std::string_view host : {"127.0.0.1", "localhost", "0.0.0.0", "[::1]"}) {
    std::string text(kBase);
    text.replace(text.find(kRight), kRight.size(), kAll);
    text.replace(text.find("127.0.0.1:9001"), 14, std::string(host) + ":8080");
    EXPECT_THAT(
        findings_of(text),
        ElementsAreArray({"8:19: error: upstream \"catalog\" is this gateway's own address 0.0.0.0:8080; "
                          "requests would go round until the bound is full: name the service behind it"}));
  }
  // The same port elsewhere is another service.
  for (const std::string_view host : {"catalog", "10.0.0.7"}) {
    std::string text(kBase);
    text.replace(text.find(kRight), kRight.size(), kAll);
    text.replace(text.find("127.0.0.1:9001"), 14, std::string(host) + ":8080");
    EXPECT_THAT(findings_of(text), ElementsAreArray<std::string>({}));
  }
}

// Where a value is wrong, nothing is concluded from what stands in for it.
TEST(ConfigMistakes, AreNotBlamedForOneAnother) {
  expect_each({
      {"listen: 127.0.0.1:8080\nadmin: 127.0.0.1:9090",
       "listen: nowhere\nadmin: 127.0.0.1:8080",
       {"2:9: error: listen: \"nowhere\" has no port; write \"nowhere:8080\""}},
      {"limit: 200",
       "limit: lots",
       {"5:22: error: bounds.inflight.limit must be a whole number, is \"lots\"; for example 200"}},
      {"limit: 200",
       "limit: 200, queue: { depth: lots, wait: 1s }",
       {"5:43: error: bounds.inflight.queue.depth must be a whole number, is \"lots\"; for example 400"}},
      {"inflight: 50,",
       "inflight: 50, timeout: soon, connections: { connect_timeout: 20s },",
       {"8:67: error: upstreams.catalog.timeout must be a duration, is \"soon\"; units are ns, us, ms, s, m "
        "and h, "
        "numbers are whole, as in 2s or 1m30s"}},
  });
}

TEST(ConfigMistakes, BoundsThatDoNotFitIntoOneAnother) {
  expect_each({
      {"inflight: 20",
       "inflight: 201",
       {"6:42: error: bounds.tenant.inflight is 201, more than the 200 that bounds.inflight.limit (5:22) "
        "lets in "
        "altogether; less than 200, so that one tenant cannot take it all"}},
      {"inflight: 20",
       "inflight: 200",
       {"6:42: warning: bounds.tenant.inflight is 200, the same as bounds.inflight.limit: one tenant can "
        "take it all; "
        "make it smaller"}},
      {"inflight: 20",
       "inflight: 20, keys_max: 199",
       {"6:56: warning: bounds.tenant.keys_max is 199: 200 requests of as many tenants can be in flight at "
        "once; at "
        "least 200"}},
      {"inflight: 50",
       "inflight: 201",
       {"8:54: warning: inflight of upstream \"catalog\" is 201 and is never reached: bounds.inflight.limit "
        "(5:22) "
        "lets 200 in; at most 200"}},
      {"limit: 200",
       "limit: 10001",
       {"5:22: warning: bounds.inflight.limit is 10001 and is never reached: server.connections is 10000, "
        "and a "
        "connection carries one request at a time; server.connections of 10001 and more"}},
      {"routes:",
       "server: { connections: 199 }\nroutes:",
       {"9:24: warning: bounds.inflight.limit is 200 and is never reached: server.connections is 199, and a "
        "connection carries one request at a time; server.connections of 200 and more"}},
      {"limit: 200",
       "limit: 200, queue: { depth: 0, wait: 10ms }",
       {"5:52: warning: bounds.inflight.queue.wait has no effect: nothing may wait where depth is 0; set "
        "depth, or "
        "take the queue away"}},
      {"inflight: 50,",
       "inflight: 50, timeout: 1s, connections: { connect_timeout: 2s },",
       {"8:103: warning: connect_timeout of upstream \"catalog\" is 2s and is never reached: its timeout is "
        "1s; make "
        "it shorter"}},
      {"because: b }\nupstreams",
       "because: \"\" }\nupstreams",
       {"6:3: warning: bounds.tenant does not say why it has this size; add because: \"...\", for whoever "
        "has to "
        "change it"}},
  });
}

TEST(ConfigMistakes, RoutesAndUpstreamsThatDoNotMeet) {
  expect_each({
      {"upstream: catalog",
       "upstream: catlog",
       {"10:29: error: there is no upstream \"catlog\"; did you mean \"catalog\"?"}},
      {"upstream: catalog",
       "upstream: basket",
       {"8:3: error: no route leads to upstream \"catalog\"; add one to routes, for example { match: \"/\", "
        "upstream: "
        "\"catalog\" }, or take it away",
        "10:29: error: there is no upstream \"basket\"; declared: \"catalog\""}},
      {"routes:",
       "  idle: { url: \"http://a\", inflight: 1, because: b }\nroutes:",
       {"9:3: error: no route leads to upstream \"idle\"; add one to routes, for example { match: \"/\", "
        "upstream: "
        "\"idle\" }, or take it away"}},
      {"routes:",
       "routes:\n  - { match: \"/\", upstream: catalog }",
       {"11:14: error: route \"/\" is there twice; the first is at 10:14: keep one of them"}},
      {"match: \"/\"",
       "match: v1/",
       {"10:14: error: routes[0].match must begin with '/', is \"v1/\"; for example \"/v1/\""}},
      {"match: \"/\"",
       "match: \"/v1/*\"",
       {"10:14: error: routes[0].match \"/v1/*\" has \"*\" in it; it is the beginning of a path, as in "
        "\"/v1/\": no "
        "patterns, no query"}},
      {"match: \"/\"",
       "match: \"/é\"",
       {"10:14: error: routes[0].match \"/é\" has a character that no path has in it; it is the beginning of "
        "a path, "
        "as in \"/v1/\": no patterns, no query"}},
      // What is wrong in itself may be what leads there.
      {"routes:",
       "  idle: { url: \"http://a\", inflight: 1, because: b }\nroutes:\n  - /idle",
       {"11:5: error: routes[0] must be a map, is a single value; for example { match: \"/\", upstream: "
        "catalog }"}},
      {"routes:",
       "  idle: { url: \"http://a\", inflight: 1, because: b }\nroutes:\n  - { match: /idle, upstrem: idle }",
       {"11:5: error: missing key \"upstream\" in routes[0]; for example upstream: catalog",
        "11:21: error: unknown key \"upstrem\" in routes[0]; did you mean \"upstream\"?"}},
  });
}

TEST(ConfigMistakes, OfSyntaxEndTheReadingButNotWhatCameBefore) {
  expect_each({
      {"bounds:",
       "lissten: x\nbounds: @\n",
       {"4:1: error: unknown key \"lissten\" at the top level; did you mean \"listen\"?",
        "5:9: error: no value starts with this character; put the text in quotes"}},
      {"because: b }\n  tenant",
       "because: \"b }\n  tenant",
       {"6:19: error: a '{' before this place is not closed; end the map with '}'"}},
      {"upstreams:",
       "defaults: &d { inflight: 1 }\nupstreams:",
       {"7:1: error: unknown key \"defaults\" at the top level; known here: service, listen, admin, tls, "
        "bounds, "
        "upstreams, routes, server, access_log, drain",
        "7:11: error: anchors (&name) are not supported; take it away"}},
  });
}

}  // namespace
}  // namespace weir::service

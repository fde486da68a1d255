// What a bounds file says of admission and of what stands before an upstream: mistakes
// in it, each at its place, and that whatever passes can be built.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "weir/bounds/ledger.h"
#include "weir/service/config.h"
#include "weir/service/gateway.h"

namespace weir::service {
namespace {

using ::testing::ElementsAre;

// Line 5 is the inflight's, 6 is the case's, 8 the upstream's.
std::vector<std::string> findings_of(std::string_view inflight, std::string_view bounds,
                                     std::string_view layers) {
  const std::string text =
      "service: shop\nlisten: 127.0.0.1:8080\nadmin: 127.0.0.1:9090\nbounds:\n  inflight: { limit: 200, "
      "because: b" +
      std::string(inflight) + " }\n  " + std::string(bounds) +
      "\nupstreams:\n  u: { url: \"http://127.0.0.1:9001\", inflight: 50, because: b" + std::string(layers) +
      " }\nroutes: [ { match: /, upstream: u } ]\n";
  const Parsed parsed = parse_config("f", text);
  const Diagnostics& findings = parsed ? parsed->warnings : parsed.error();
  std::vector<std::string> lines;
  for (const Diagnostic& item : findings.items()) lines.push_back(findings.line(item).substr(2));
  if (parsed) {
    bounds::Ledger ledger;
    const auto addresses = TargetAddresses::resolve(parsed->config, net::SocketAddress());
    if (!addresses) return addresses.error();
    const Gateway built(parsed->config, *addresses, ledger, 1);
  }
  return lines;
}

std::vector<std::string> of_layers(std::string_view layers) { return findings_of("", "", layers); }

TEST(ConfigLayers, NoneIsWrongInTheBaseOfTheseTests) { EXPECT_THAT(of_layers(""), ElementsAre()); }

TEST(ConfigLayers, WhatIsRightCanBeBuilt) {
  EXPECT_THAT(
      findings_of(
          ", limiter: queue_delay, min: 5, initial: 20, objective: 50ms, queue: { depth: 5, order: fair }",
          "tenant: { key: \"header:T\", inflight: 5, because: b, rate: { limit: 1, per: 24h, burst: 1 }, "
          "overrides: { big: { inflight: 200 } } }",
          ", retry: {}, hedge: {}, breaker: {}, throttle: {}, cache: { fresh_for: 1s }, fallback: {}"),
      ElementsAre());
  for (const char* limiter : {"fixed", "gradient2", "vegas", "aimd"}) {
    EXPECT_THAT(findings_of(std::string(", limiter: ") + limiter, "", ""), ElementsAre());
  }
  for (const char* order : {"fifo", "codel", "fair"}) {
    EXPECT_THAT(findings_of(std::string(", queue: { depth: 1, order: ") + order + " }", "", ""),
                ElementsAre());
  }
}

TEST(ConfigLayers, WordsThatAreNone) {
  EXPECT_THAT(
      findings_of(", limiter: queue_dely", "", ""),
      ElementsAre(
          "5:48: error: bounds.inflight.limiter is \"queue_dely\", which is none of its words; did you "
          "mean queue_delay?"));
  EXPECT_THAT(
      findings_of(", queue: { depth: 1, order: lottery }", "", ""),
      ElementsAre(
          "5:65: error: bounds.inflight.queue.order is \"lottery\", which is none of its words; one of "
          "fifo, codel, priority, fair"));
  EXPECT_THAT(
      findings_of("", "priority: { key: \"header:P\", classes: { gold: { level: urgent } } }", ""),
      ElementsAre(
          "6:58: error: bounds.priority.classes.gold.level is \"urgent\", which is none of its words; "
          "one of sheddable, low, normal, high, critical"));
  EXPECT_THAT(of_layers(", protocol: spdy"),
              ElementsAre("8:74: error: upstreams.u.protocol is \"spdy\", which is none of its words; one of "
                          "http1, http2, auto"));
  EXPECT_THAT(of_layers(", protocol: http2"), ElementsAre());
  EXPECT_THAT(of_layers(", protocol: auto"), ElementsAre());
  EXPECT_THAT(
      findings_of("", "caller: { key: X-Caller, rate: { limit: 1 }, because: b }", ""),
      ElementsAre("6:18: error: bounds.caller.key \"X-Caller\" does not say where to look; did you mean "
                  "\"header:X-Caller\"?"));
}

TEST(ConfigLayers, NumbersThatDoNotFitTogether) {
  EXPECT_THAT(
      findings_of(", limiter: vegas, min: 300", "", ""),
      ElementsAre("5:60: error: bounds.inflight.min is 300, more than the limit (5:22); at most 200"));
  EXPECT_THAT(
      findings_of(
          "", "tenant: { key: \"header:T\", inflight: 5, because: b, overrides: { big: { inflight: 201 } } }",
          ""),
      ElementsAre("6:85: error: bounds.tenant.overrides.big.inflight is 201, more than the 200 that "
                  "bounds.inflight.limit lets in altogether; at most 200"));
  EXPECT_THAT(findings_of("", "priority: { key: \"header:P\", shares: { low: 0.6, high: 0.5 } }", "").size(),
              1U);
  EXPECT_THAT(
      findings_of("", "memory: { shed_at: 0.9, refuse_at: 0.85 }", ""),
      ElementsAre("6:22: error: bounds.memory.shed_at is 0.9, and all is refused from 0.85 on; less than "
                  "refuse_at"));
  EXPECT_THAT(
      of_layers(", breaker: { consecutive_failures: 0, failure_ratio: 0 }"),
      ElementsAre("8:64: error: upstreams.u.breaker would never open: both of its rules are off; give it "
                  "consecutive_failures or a failure_ratio, or take it away"));
  // More than a year of rest before a burst fits again.
  EXPECT_THAT(
      findings_of(
          "", "caller: { key: \"header:C\", because: b, rate: { limit: 1, per: 24h, burst: 1000000 } }", "")
          .size(),
      1U);
}

TEST(ConfigLayers, TheLimiterOfAnUpstream) {
  EXPECT_THAT(of_layers(", limiter: { min: 3, initial: 7 }, queue: { depth: 5, order: codel }"),
              ElementsAre());
  for (const char* algorithm : {"fixed", "queue_delay", "gradient2", "vegas", "aimd"}) {
    EXPECT_THAT(of_layers(std::string(", limiter: { algorithm: ") + algorithm + " }"), ElementsAre());
  }
  EXPECT_THAT(
      of_layers(", limiter: { algorithm: aimed }"),
      ElementsAre("8:86: error: upstreams.u.limiter.algorithm is \"aimed\", which is none of its words; did "
                  "you mean aimd?"));
  EXPECT_THAT(
      of_layers(", limiter: { min: 51 }"),
      ElementsAre("8:80: error: upstreams.u.limiter.min is 51, more than the limit (8:38); at most 50"));
  EXPECT_THAT(
      of_layers(", limiter: { min: 5, initial: 4 }"),
      ElementsAre("8:92: error: upstreams.u.limiter.initial is 4, less than the least, 5; from 5 to 50"));
  EXPECT_THAT(of_layers(", limiter: { algorithm: fixed, min: 5 }"),
              ElementsAre("8:98: warning: min and initial have no effect where the algorithm is fixed; set "
                          "algorithm, for example queue_delay, or take them away"));
}

TEST(ConfigLayers, TiersAndWhatIsWrongWithThem) {
  const auto tiers = [](const std::string& values) {
    return findings_of("", "tiers: { because: b, " + values + " }", "");
  };
  EXPECT_THAT(
      tiers("key: \"header:T\", default: a, all: { a: { share: 1 }, b: { share: 0, most: 0.5, lends: no } "
            "}"),
      ElementsAre());
  EXPECT_THAT(
      tiers("default: reed, all: { read: { share: 1 } }"),
      ElementsAre(
          "6:3: warning: no request is ever of tier \"read\"; give it methods or paths, or declare a key",
          "6:33: error: bounds.tiers.default is \"reed\", and there is no such tier; did you mean "
          "\"read\"?"));
  EXPECT_THAT(tiers("default: a, all: { a: { share: 0.7 }, b: { share: 0.4, methods: GET } }"),
              ElementsAre("6:3: error: the shares of bounds.tiers are 1.1 together; at most 1"));
  EXPECT_THAT(
      tiers("default: a, all: { a: { share: 0.7, most: 0.5 } }"),
      ElementsAre("6:66: error: bounds.tiers.all.a.most is 0.5, less than its share, 0.7; from 0.7 to 1"));
  EXPECT_THAT(tiers("default: a, all: { a: { share: 1, lends: maybe } }").size(), 1U);
  EXPECT_THAT(tiers("default: a, all: { a: { share: 1, lends: si } }"),
              ElementsAre("6:65: error: bounds.tiers.all.a.lends is \"si\"; \"yes\" or \"no\""));
  EXPECT_THAT(
      tiers("default: a, all: { a: { share: 1, methods: \"GET G(T\" } }"),
      ElementsAre(
          "6:67: error: bounds.tiers.all.a.methods has \"G(T\" in it, which is no method; for example "
          "GET"));
  EXPECT_THAT(
      tiers("default: a, all: { a: { share: 0.5, paths: /x }, b: { share: 0.5, paths: \"/y, /x x\" } }"),
      ElementsAre(
          "6:97: error: bounds.tiers.all.b.paths has \"/x\" in it, which bounds.tiers.all.a has "
          "already; keep one of them",
          "6:97: error: bounds.tiers.all.b.paths has \"x\" in it, which is no beginning of a path; for "
          "example /batch/"));
  EXPECT_THAT(tiers("default: a, all: { \"a b\": { share: 0.5 } }").size(), 3U);
}

TEST(ConfigLayers, NumbersOfSingleTenants) {
  const auto tenant = [](const std::string& values) {
    return findings_of("", "tenant: { key: \"header:T\", inflight: 5, because: b, " + values + " }", "");
  };
  EXPECT_THAT(tenant("rate: { limit: 5 }, overrides: { big: { rate: { limit: 50, burst: 7 } } }"),
              ElementsAre());
  EXPECT_THAT(
      tenant("overrides: { big: { rate: { limit: 50 } } }"),
      ElementsAre("6:75: error: bounds.tenant.overrides.big.rate is there, and no rate for the others; "
                  "declare bounds.tenant.rate, or take it away"));
  EXPECT_THAT(
      tenant("overrides: { big: {} }"),
      ElementsAre("6:68: error: bounds.tenant.overrides.big changes nothing; give it an inflight or a rate, "
                  "or take it away"));
  EXPECT_THAT(tenant("rate: { limit: 5 }, overrides: { big: { inflight: 0 } }").size(), 1U);
}

TEST(ConfigLayers, WhatHasNoEffectIsAWarning) {
  EXPECT_THAT(
      of_layers(", budget: {}"),
      ElementsAre(
          "8:64: warning: upstreams.u.budget is for retry and hedge, and there is neither; declare one "
          "of them, or take it away"));
  EXPECT_THAT(of_layers(", timeout: 1s, retry: { try_timeout: 2s, backoff: 5s }").size(), 2U);
  EXPECT_THAT(
      of_layers(", cache: { fresh_for: 1s }, singleflight: {}"),
      ElementsAre(
          "8:90: warning: upstreams.u.singleflight has no effect: a cache has one of its own; take it "
          "away"));
  EXPECT_THAT(
      findings_of(", min: 5", "", ""),
      ElementsAre("5:44: warning: min, initial and objective have no effect where the limiter is fixed; set "
                  "limiter, for example queue_delay, or take them away"));
  EXPECT_THAT(findings_of(", queue: { depth: 1, order: priority }", "", "").size(), 1U);
}

TEST(ConfigLayers, BothEndsOfARangeCanBeBuilt) {
  for (const char* layers : {", retry: { tries: 10, try_timeout: 1h, backoff: 0, backoff_max: 0 }, budget: { "
                             "share: 0, per_second: 0, window: 10ms }",
                             ", retry: { tries: 2 }, budget: { share: 1, per_second: 1000000, window: 1h }",
                             ", breaker: { failure_ratio: 0, window: 10ms, calls_min: 1000000, open_for: 1h, "
                             "open_for_max: 1ms, trials: 1000 }",
                             ", breaker: { failure_ratio: 1, window: 1h, slow_after: 1h }",
                             ", hedge: { quantile: 0.5, min: 1h, max: 1us, off_for: 0 }",
                             ", hedge: { quantile: 0.999999, min: 1us, max: 1h }",
                             ", throttle: { accepted_share: 0.01, refused_max: 0, window: 10ms }",
                             ", throttle: { accepted_share: 1, refused_max: 0.999999, window: 1h }",
                             ", cache: { entries: 1, bytes: 1KiB, body_bytes: 1, loads: 1, fresh_for: 1ms }",
                             ", singleflight: { flights: 1, callers: 1, body_bytes: 1 }"}) {
    for (const std::string& line : of_layers(layers))
      EXPECT_EQ(line.find("error"), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace weir::service

// Mistakes in what a bounds file says of routes and targets: where they are said to be,
// in which words, and that nothing else is said.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "weir/service/config.h"

namespace weir::service {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;

std::vector<std::string> findings_of(const std::string& text) {
  const Parsed parsed = parse_config("f", text);
  const Diagnostics& findings = parsed ? parsed->warnings : parsed.error();
  std::vector<std::string> lines;
  for (const Diagnostic& item : findings.items()) lines.push_back(findings.line(item).substr(2));
  return lines;
}

// The upstream's line is the 4th, the first route's the 6th.
std::vector<std::string> with_upstream(const std::string& values) {
  return findings_of("service: s\nbounds: { inflight: { limit: 9, because: b } }\nupstreams:\n  u: { " +
                     values + ", inflight: 5, because: b }\nroutes:\n  - { match: /, upstream: u }\n");
}
std::vector<std::string> with_routes(const std::vector<std::string>& routes) {
  std::string text =
      "service: s\nbounds: { inflight: { limit: 9, because: b } }\nupstreams:\n  u: { url: \"http://a\", "
      "inflight: 5, because: b }\nroutes:\n";
  for (const std::string& route : routes) text += "  - { " + route + " }\n";
  return findings_of(text);
}

struct Case {
  std::string text;
  std::vector<std::string> findings;
};

TEST(TargetMistakes, AreToldAtTheirPlace) {
  const std::vector<Case> cases{
      {"targets: [ { url: \"http://a\" }, { url: \"http://b:80\", weight: 2, inflight: 3 } ]", {}},
      {"url: \"http://a\", targets: [ { url: \"http://b\" } ]",
       {"4:25: error: upstreams.u has both url and targets; keep url for a single address, targets for any "
        "number of "
        "them"}},
      {"targets: [ { url: \"http://a\" }, { url: \"http://a:80\" } ]",
       {"4:47: error: upstreams.u.targets[1].url is \"http://a:80\", which is there already; each target "
        "once: to "
        "send it more, give it a weight"}},
      {"targets: [ { url: \"ftp://a\", weight: 0 } ]",
       {"4:26: error: upstreams.u.targets[0].url: \"ftp://a\" is no http:// address; for example "
        "http://127.0.0.1:9001",
        "4:45: error: upstreams.u.targets[0].weight is 0; must be from 1 to 1000000; 0 would never choose "
        "it: take "
        "it away instead"}},
      {"url: \"http://a\", eject: { share_max: 0.2 }",
       {"4:25: warning: upstreams.u.eject has no effect: there is one target, which is never left alone; a "
        "breaker "
        "says when not to ask at all; or name more targets"}},
      {"url: \"http://a\", health: { path: healthz, status_min: 400, status_max: 300 }",
       {"4:41: error: upstreams.u.health.path \"healthz\" is no path; for example /healthz",
        "4:62: error: upstreams.u.health.status_min is 400, more than status_max, which is 300; no answer "
        "would be "
        "good"}},
      {"url: \"http://a\", health: { path: /h, interval: 1s, timeout: 2s }",
       {"4:68: warning: upstreams.u.health.timeout is 2s, longer than the interval, 1s: checks are as far "
        "apart as "
        "they take; at most 1s"}},
      {"url: \"http://a\", contract: { deadline: \"X Y\" }",
       {"4:47: error: upstreams.u.contract.deadline \"X Y\" is no header name; for example "
        "X-Request-Deadline-Ms"}}};
  for (const Case& one : cases)
    EXPECT_THAT(with_upstream(one.text), ElementsAreArray(one.findings)) << one.text;
}

TEST(RouteMistakes, AreToldAtTheirPlace) {
  const std::vector<Case> cases{
      {"match: /, path: /a, upstream: u",
       {"6:17: error: routes[0] has both match and path; keep one of them"}},
      {"path: \"/a/{b\", upstream: u",
       {"6:13: error: routes[0].path \"/a/{b\" is no path; a whole path, as in \"/v1/items/{id}\": a {name} "
        "stands for "
        "all between two '/'"}},
      {"path: \"/a/x{b}\", upstream: u",
       {"6:13: error: routes[0].path \"/a/x{b}\" is no path; a whole path, as in \"/v1/items/{id}\": a "
        "{name} stands "
        "for all between two '/'"}},
      {"match: /, host: Shop.example.com, upstream: u",
       {"6:23: error: routes[0].host \"Shop.example.com\" is no host; for example shop.example.com, or "
        "*.example.com "
        "for all below it; without a port"}},
      {"match: /, method: \"GET,\", upstream: u",
       {"6:25: error: routes[0].method: \"\" is no method; methods with commas between them, as in \"GET, "
        "HEAD\""}},
      {"match: /, headers: { X-A: { exact: a, prefix: b } }, upstream: u",
       {"6:53: error: routes[0].headers.X-A has both exact and prefix; keep one of them"}},
      {"match: /, headers: { X-A: {}, x-a: {} }, upstream: u",
       {"6:37: error: routes[0].headers.x-a is there twice; keep one of them"}},
      {"match: /, upstream: u, split: [ { upstream: u } ]",
       {"6:30: error: routes[0] has both upstream and split; keep one of them"}},
      {"match: /, split: [ { upstream: u }, { upstream: u } ]",
       {"6:55: error: routes[0].split has upstream \"u\" twice; each once, with a weight"}},
      {"match: /, split: [ { upstream: u, weight: 0 } ]",
       {"6:17: error: all weights of routes[0].split are 0; one at least must be above 0"}},
      {"match: /, split: [ { upstream: v }, { upstream: u } ]",
       {"6:38: error: there is no upstream \"v\"; declared: \"u\""}},
      {"match: /, upstream: u, sticky: user",
       {"6:38: error: routes[0].sticky \"user\" does not say what belongs together; header: and a name, "
        "cookie: and a "
        "name, or ip",
        "6:38: warning: routes[0].sticky has no effect without split; take it away"}},
      {"match: /, upstream: u, shadow: { upstream: w }",
       {"6:50: error: there is no upstream \"w\"; declared: \"u\""}},
      {"path: /a, upstream: u, rewrite: /",
       {"6:39: error: routes[0].rewrite is for a route with match, whose beginning it takes the place of; "
        "take it "
        "away, or use match"}},
      {"match: /, upstream: u, request: { set: { Host: h } }",
       {"6:48: error: routes[0].request.set: Host is the gateway's to write; leave it as it is"}},
      {"match: /, upstream: u, request: { set: { X-A: [] } }",
       {"6:53: error: routes[0].request.set.X-A must be text, is a list; for example X-A: prod"}},
      {"match: /, upstream: u, reply: { remove: \"A B\" }",
       {"6:47: error: routes[0].reply.remove: \"A B\" is no header name; for example X-Env"}}};
  for (const Case& one : cases)
    EXPECT_THAT(with_routes({one.text}), ElementsAreArray(one.findings)) << one.text;
}

TEST(ComposeMistakes, AreToldAtTheirPlace) {
  const std::vector<Case> cases{
      {"path: \"/a/{b}\", compose: { parts: { p: { upstream: u, path: \"/x/{b}?q={b}\", required: true } } }",
       {}},
      {"match: /, method: HEAD, compose: { parts: { p: { upstream: u, path: / } } }", {}},
      {"match: /, compose: {}",
       {"6:17: error: missing key \"parts\" in routes[0].compose; for example parts: { user: { upstream: "
        "catalog, path: /me } }"}},
      {"match: /, upstream: u, compose: { parts: { p: { upstream: u, path: / } } }",
       {"6:17: error: routes[0] has both compose and upstream; keep one of them: each part has an upstream "
        "and "
        "a path"}},
      {"match: /, shadow: { upstream: u }, compose: { parts: { p: { upstream: u, path: / } } }",
       {"6:17: error: routes[0] has both compose and shadow; keep one of them: each part has an upstream and "
        "a "
        "path"}},
      {"match: /, method: \"GET, POST\", compose: { parts: { p: { upstream: u, path: / } } }",
       {"6:17: error: routes[0].method: parts are asked with GET, not with \"POST\"; GET, HEAD or none: for "
        "other methods a route of their own"}},
      {"match: /, compose: { parts: { missing: { upstream: u, path: / } } }",
       {"6:37: error: a part may not be called \"missing\": the reply has a list of that name; call it "
        "something else"}},
      {"match: /, compose: { parts: { q: { upstream: u, path: / }, p: { upstream: v, path: / } } }",
       {"6:81: error: there is no upstream \"v\"; declared: \"u\""}},
      {"match: /, compose: { parts: { p: { upstream: u, path: x, required: maybe } } }",
       {"6:61: error: routes[0].compose.parts.p.path must begin with '/', is \"x\"; for example \"/v1/\"",
        "6:74: error: routes[0].compose.parts.p.required is true or false, is \"maybe\"; for example "
        "required: "
        "true"}},
      {"path: \"/{a}\", compose: { parts: { p: { upstream: u, path: \"/{b}\" } } }",
       {"6:65: error: routes[0].compose.parts.p.path \"/{b}\" has \"{b}\", which the path of the route has "
        "not; one of those in \"/{a}\""}},
      {"match: /, compose: { parts: { p: { upstream: u, path: \"/{b\" } } }",
       {"6:61: error: routes[0].compose.parts.p.path \"/{b\" has \"{b\", which the path of the route has "
        "not; "
        "a route with path, as in path: \"/items/{id}\""}},
      {"match: /, compose: { body_bytes: 1KiB, parts: { p: { upstream: u, path: / } } }",
       {"6:40: warning: routes[0].compose.body_bytes is 1KiB: part \"p\" may have 256KiB and never gets as "
        "many; as large as all parts together"}}};
  for (const Case& one : cases)
    EXPECT_THAT(with_routes({one.text}), ElementsAreArray(one.findings)) << one.text;
}

TEST(RouteMistakes, OfOneThatAnotherHides) {
  EXPECT_THAT(
      with_routes({"match: /, method: \"GET, PUT\", upstream: u", "match: /, method: PUT, upstream: u",
                   "match: /, upstream: u"}),
      ElementsAre(
          "7:14: warning: route \"PUT /\" takes no request: \"GET,PUT /\" (6:14) takes all of them; take "
          "it away, or put it before the other"));
  EXPECT_THAT(
      with_routes({"path: \"/{a}\", upstream: u", "path: \"/{b}\", upstream: u"}),
      ElementsAre("7:13: error: route \"/{b}\" is there twice; the first is at 6:13: keep one of them"));
  EXPECT_THAT(with_routes({"match: /, host: a, upstream: u", "match: /, host: b, upstream: u",
                           "match: /, headers: { X: {} }, upstream: u", "match: /, upstream: u"}),
              IsEmpty());
}

}  // namespace
}  // namespace weir::service

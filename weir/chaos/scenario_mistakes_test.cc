// Each mistake a scenario file can hold: where it is said to be, in which words, and
// that nothing else is said.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "weir/chaos/scenario.h"

namespace weir::chaos {
namespace {

using ::testing::ElementsAreArray;
using ::testing::SizeIs;

std::vector<std::string> findings_of(std::string_view text) {
  const ScenarioParsed parsed = parse_scenario("f", text);
  const service::Diagnostics& findings = parsed ? parsed->findings : parsed.error();
  std::vector<std::string> lines;
  for (const service::Diagnostic& item : findings.items()) lines.push_back(findings.line(item).substr(2));
  return lines;
}

// Found in an event on the third line, after these two.
constexpr std::string_view kProxies =
    "proxies: [{name: db, listen: '127.0.0.1:1', upstream: 'a:2'}, {name: web, listen: '127.0.0.1:3', "
    "upstream: 'a:4', protocol: http}]\nevents:\n";

struct Case {
  std::string event;
  std::vector<std::string> findings;
};

void expect_each(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    const std::string text = std::string(kProxies) + "- {at: 1s, for: 1s, " + one.event + "}\n";
    EXPECT_THAT(findings_of(text), ElementsAreArray(one.findings)) << one.event;
  }
}

TEST(ScenarioMistakes, OfTheFileAsAWhole) {
  EXPECT_THAT(
      findings_of(""),
      ElementsAreArray({"1:1: error: the file is empty; docs/chaos-scenario.md has one to start from"}));
  EXPECT_THAT(findings_of("[]"), ElementsAreArray({"1:1: error: the file is no map of keys; "
                                                   "docs/chaos-scenario.md has one to start from"}));
  EXPECT_THAT(
      findings_of("seed: 1\n"),
      ElementsAreArray({"1:1: error: the scenario has neither events nor a length; add events: or, for "
                        "proxies alone, length: and a duration"}));
  EXPECT_THAT(findings_of("seed: x\nlength: 25h\nevents: []\n"),
              ElementsAreArray({"1:7: error: seed must be a whole number, is \"x\"; for example 7",
                                "2:9: error: length is 25h; must be from 1ms to 24h"}));
}

TEST(ScenarioMistakes, OfProxies) {
  EXPECT_THAT(
      findings_of("length: 1s\nproxies:\n"
                  "- {name: a, listen: '127.0.0.1:1', upstream: '127.0.0.1:1'}\n"
                  "- {name: a, listen: '0.0.0.0:1', upstream: 'b:0', protocol: htp}\n"
                  "- {name: a b, listen: '80'}\n"),
      ElementsAreArray(
          {"3:46: error: proxy \"a\" leads to itself at 127.0.0.1:1; name the service behind it",
           "4:10: error: proxy \"a\" is declared twice; the first is at 3:10",
           "4:21: error: proxies \"a\" and \"a\" both listen on 0.0.0.0:1; give each a port of its own",
           "4:44: error: proxies[1].upstream: port 0 cannot be connected to; from 1 to 65535",
           "4:61: error: proxies[1].protocol is \"htp\"; did you mean http?",
           "5:3: error: missing key \"upstream\" in proxies[2]; for example upstream: 127.0.0.1:5432",
           "5:10: error: proxy \"a b\" is no name; letters, digits, '-', '_' and '.', at most 63, the first "
           "a "
           "letter or digit",
           "5:23: error: proxies[2].listen: \"80\" has no host; write 127.0.0.1:80, or 0.0.0.0:80 for all "
           "interfaces"}));
}

TEST(ScenarioMistakes, OfTimes) {
  EXPECT_THAT(findings_of("length: 10s\nevents:\n- {at: 25h, for: 0, fault: tasks, count: 1}\n"
                          "- {at: 9s, for: 2s, fault: tasks, count: 1}\n- {fault: tasks, count: 1}\n"),
              ElementsAreArray(
                  {"3:8: error: events[0].at is 25h; must be from 0s to 24h",
                   "3:18: error: events[0].for is 0; must be from 1ms to 24h; 0 would lift the fault at once",
                   "4:3: error: events[1] ends at 11s, after the scenario's end at 10s (1:9); make length "
                   "longer, or take length away",
                   "5:3: error: missing key \"at\" in events[2]; for example at: 5s",
                   "5:3: error: missing key \"for\" in events[2]; for example for: 10s"}));
  EXPECT_THAT(findings_of("events:\n- {at: 20h, for: 5h, fault: tasks, count: 1}\n"),
              ElementsAreArray({"2:3: error: events[0] ends at 25h; a scenario ends within 24h"}));
}

TEST(ScenarioMistakes, OfTheTarget) {
  expect_each({
      {"fault: hang", {"3:3: error: events[0] does not say where; add on: and a proxy's name"}},
      {"fault: error, error: invalid", {"3:3: error: events[0] does not say where; add point: and its name"}},
      {"on: cache, fault: hang", {"3:25: error: there is no proxy \"cache\"; declare it under proxies"}},
      {"on: wbe, fault: hang", {"3:25: error: there is no proxy \"wbe\"; did you mean \"web\"?"}},
      {"on: db, point: p, fault: delay, delay: 1ms",
       {"3:29: error: events[0] has both on and point; a fault is on a proxy or at a point: keep one of "
        "them"}},
      {"on: db, fault: status, status: 500",
       {"3:25: error: fault status cannot be on \"db\"; it speaks tcp: set its protocol to http"}},
      {"on: db, fault: error, error: invalid",
       {"3:25: error: fault error cannot be on \"db\"; it is for points: point: and its name"}},
      {"point: p, fault: hang",
       {"3:28: error: fault hang cannot be at a point; it is for proxies: on: and a proxy's name"}},
      {"on: db, fault: tasks, count: 1", {"3:21: error: fault tasks is of the whole process; take on away"}},
  });
}

TEST(ScenarioMistakes, OfTheFaultAndItsKeys) {
  expect_each({
      {"on: db, fault: bandwith, rate: 1MiB/s",
       {"3:36: error: events[0].fault is \"bandwith\"; did you mean bandwidth?"}},
      {"on: db, fault: bandwidth, rate: 1MiB",
       {"3:53: error: events[0].rate must be bytes a second, is \"1MiB\"; did you mean 1MiB/s?"}},
      {"on: db, fault: bandwidth",
       {"3:3: error: missing key \"rate\" in events[0]; fault bandwidth needs it, for example rate: 1MiB/s"}},
      {"on: db, fault: hang, rate: 1MiB/s", {"3:42: error: fault hang takes no key \"rate\"; take it away"}},
      {"on: db, fault: hang, frate: 1MiB/s",
       {"3:42: error: unknown key \"frate\" in events[0]; did you mean \"rate\"?"}},
      {"on: db, fault: partition, share: 0.5",
       {"3:47: error: fault partition takes no key \"share\"; take it away"}},
      {"on: db, fault: hang, share: 0.5, nth: 2",
       {"3:59: error: events[0] has more than one of share, nth and every; keep one of them"}},
      {"on: db, fault: hang, share: 1.5",
       {"3:49: error: events[0].share is 1.5; must be from 0.000001 to 1"}},
      {"on: db, fault: blackhole, direction: sideways",
       {"3:58: error: events[0].direction is \"sideways\"; one of both, up, down"}},
      {"on: db, fault: reset, after: soon",
       {"3:50: error: events[0].after must be a number of bytes or a duration, is \"soon\"; as in 4KiB, at "
        "most "
        "1TiB, or 50ms, at most 1h"}},
      {"on: db, fault: truncate, after: 50ms",
       {"3:53: error: events[0].after must be a number of bytes, is \"50ms\"; as in 4KiB, at most 1TiB"}},
      {"fault: tasks, count: 10000000",
       {"3:42: error: events[0].count is 10000000; must be from 1 to 1000000"}},
      {"fault: memory",
       {"3:3: error: missing key \"bytes\" in events[0]; fault memory needs bytes, as in bytes: 512MiB, or a "
        "share of the limit, as in share: 0.8"}},
      {"fault: memory, bytes: 1MiB, share: 0.5",
       {"3:56: error: events[0] has both bytes and share; keep one of them"}},
      {"fault: memory, bytes: 2000GiB", {"3:43: error: events[0].bytes is 2000GiB; must be from 1 to 1TiB"}},
  });
}

TEST(ScenarioMistakes, OfDelays) {
  expect_each({
      {"point: p, fault: delay, delay: 50",
       {"3:52: error: events[0].delay must be a duration, is \"50\"; give it "
        "a unit: 50ms or 50s"}},
      {"point: p, fault: delay, delay: [1]",
       {"3:52: error: events[0].delay must be a duration, is a list; for example delay: 20ms"}},
      {"point: p, fault: delay, delay: {max: 1s}",
       {"3:45: error: events[0].delay names no distribution; one of uniform, normal, exponential and pareto, "
        "or a "
        "duration"}},
      {"point: p, fault: delay, delay: {exponential: {mean: 1s}, pareto: {min: 1s, shape: 2}}",
       {"3:45: error: events[0].delay is exponential and pareto; one of uniform, normal, exponential and "
        "pareto, or "
        "a duration"}},
      {"point: p, fault: delay, delay: {uniform: {min: 2ms, max: 1ms}}",
       {"3:78: error: events[0].delay.uniform.max is less than min; exchange them"}},
      {"point: p, fault: delay, delay: {normal: {mean: 2ms}}",
       {"3:53: error: missing key \"sd\" in events[0].delay.normal; for example sd: 10ms"}},
      {"point: p, fault: delay, delay: {pareto: {min: 2ms, shape: 0.01}}",
       {"3:79: error: events[0].delay.pareto.shape is 0.01; must be from 0.1 to 100"}},
      {"point: p, fault: delay, delay: 1ms, direction: up",
       {"3:57: error: a point has no direction; take it away"}},
  });
}

TEST(ScenarioMistakes, OfRequestsAndErrors) {
  expect_each({
      {"on: web, fault: status, status: 99",
       {"3:53: error: events[0].status is 99; must be from 200 to 599"}},
      {"on: web, fault: status, status: 500, match: {path: v1}",
       {"3:72: error: events[0].match.path must begin with '/' or '*', is \"v1\"; for example \"/v1/*\""}},
      {"on: web, fault: status, status: 500, match: {method: 'G T'}",
       {"3:74: error: \"G T\" is no method; for example GET"}},
      {"on: web, fault: status, status: 500, match: {header: 'a b: c'}",
       {"3:74: error: \"a b: c\" is no header field; for example \"X-Tenant-ID: acme\""}},
      {"on: web, fault: status, status: 500, match: {}",
       {"3:58: error: events[0].match is empty; method, path or header; or take it away: every request "
        "matches "
        "then"}},
      {"point: p, fault: error, error: disconected",
       {"3:52: error: events[0].error: \"disconected\" is no kind of error; did you mean disconnected?"}},
      {"point: p, fault: error, error: refused",
       {"3:52: error: events[0].error: \"refused\" is no kind of error; it is a reason: write the kind "
        "before it, "
        "as in disconnected/refused"}},
      {"point: p, fault: error, error: overloaded/ful",
       {"3:52: error: events[0].error: \"ful\" is no reason of an error; one of none, at_limit, queue_full, "
        "queue_wait, evicted, expired, shed, memory_low, descriptors_low, keys_full, over_rate, "
        "breaker_open, budget_spent, throttled, draining, timed_out, "
        "refused, reset, closed, malformed, too_large, "
        "unresolved, certificate, handshake, plain_text, "
        "system"}},
  });
}

TEST(ScenarioMistakes, OfEventsThatOverlap) {
  EXPECT_THAT(
      findings_of(std::string(kProxies) + "- {at: 1s, for: 5s, on: db, fault: hang}\n"
                                          "- {at: 5s, for: 2s, on: db, fault: hang}\n"
                                          "- {at: 5s, for: 2s, on: web, fault: hang}\n"),
      ElementsAreArray({"4:3: error: events[1] (hang on db from 5s to 7s) overlaps events[0] at 3:3 (from "
                        "1s to 6s); one fault of a kind at a time: begin it later, or end the other "
                        "before"}));
  EXPECT_THAT(
      findings_of(std::string(kProxies) + "- {at: 1s, for: 5s, on: db, fault: blackhole}\n"
                                          "- {at: 5s, for: 2s, on: db, fault: blackhole, direction: up}\n"),
      SizeIs(1));
  EXPECT_THAT(findings_of(std::string(kProxies) + "- {at: 1s, for: 5s, fault: tasks, count: 1}\n"
                                                  "- {at: 2s, for: 1s, fault: tasks, count: 1}\n"),
              SizeIs(1));
}

TEST(ScenarioMistakes, OfMoreThanThereMayBe) {
  std::string events = "events:\n";
  for (std::size_t i = 0; i <= Scenario::kEventsMax; ++i) {
    events += "- {at: " + std::to_string(i) + "s, for: 1s, fault: tasks, count: 1}\n";
  }
  EXPECT_THAT(findings_of(events), ElementsAreArray({"2:1: error: events has 1001 entries; at most 1000"}));
}

}  // namespace
}  // namespace weir::chaos

// The table of keys against what reads it, and docs/chaos-scenario.md against both.
#include "weir/chaos/internal/scenario_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "weir/chaos/scenario.h"
#include "weir/service/schema_document.h"

namespace weir::chaos::internal {
namespace {

using service::KeyKind;
using service::KeySpec;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string document() { return service::read_document("docs/chaos-scenario.md"); }

constexpr std::string_view kProxies =
    "proxies: [{name: db, listen: '127.0.0.1:1', upstream: 'a:2'}, {name: web, listen: '127.0.0.1:3', "
    "upstream: 'a:4', protocol: http}]\n";

std::string errors_of(const std::string& text) {
  const ScenarioParsed parsed = parse_scenario("f", text);
  return parsed ? std::string() : parsed.error().text(service::Colour::no);
}

// An event with what its fault needs, and `more`.
std::string event_of(const FaultWord& word, const std::string& more) {
  const std::string where = (word.places & in_process) != 0 ? ""
                            : word.places == at_http        ? "on: web, "
                            : word.places == at_point       ? "point: p, "
                                                            : "on: db, ";
  return std::string(kProxies) + "events: [{at: 0s, for: 1s, " + where + "fault: " + std::string(word.name) +
         more + "}]\n";
}

std::string key_with_example(std::string_view key) {
  const KeySpec* spec = scenario_schema().find("events.*." + std::string(key));
  return ", " + std::string(key) + ": " + std::string(spec->example);
}

TEST(ScenarioKeys, AreUniqueAndBelowKeysThatAreThere) {
  for (const KeySpec& key : scenario_schema().keys()) {
    EXPECT_EQ(std::ranges::count(scenario_schema().keys(), key.path, &KeySpec::path), 1) << key.path;
    const std::size_t dot = key.path.rfind('.');
    if (dot != std::string_view::npos) EXPECT_NE(scenario_schema().find(key.path.substr(0, dot)), nullptr);
  }
}

TEST(ScenarioKeys, HaveExamplesThatAreRightForEachFaultThatTakesThem) {
  for (const FaultWord& word : fault_words()) {
    std::string needed;
    for (const std::string_view key : word.required) {
      if (!key.empty()) needed += key_with_example(key);
    }
    if (word.name == "memory") needed = ", bytes: 1MiB";
    EXPECT_THAT(errors_of(event_of(word, needed)), IsEmpty()) << word.name;
    for (const std::string_view key : word.optional) {
      if (key.empty() || word.name == "memory") continue;
      EXPECT_THAT(errors_of(event_of(word, needed + key_with_example(key))), IsEmpty()) << word.name << key;
    }
    for (const std::string_view key : {"share", "nth", "every"}) {
      const std::string errors = errors_of(event_of(word, needed + key_with_example(key)));
      EXPECT_EQ(errors.empty(), word.occurs) << word.name << " " << key << "\n" << errors;
    }
  }
}

TEST(ScenarioKeys, AreRefusedByFaultsThatDoNotTakeThem) {
  std::size_t refused = 0;
  for (const FaultWord& word : fault_words()) {
    for (const std::string_view key :
         {"delay", "rate", "after", "status", "match", "error", "count", "bytes"}) {
      const bool taken = std::ranges::find(word.required, key) != word.required.end() ||
                         std::ranges::find(word.optional, key) != word.optional.end();
      if (taken) continue;
      ++refused;
      EXPECT_THAT(
          errors_of(event_of(word, key_with_example(key))),
          HasSubstr("fault " + std::string(word.name) + " takes no key \"" + std::string(key) + "\""));
    }
  }
  EXPECT_GT(refused, 50u);
}

TEST(ScenarioKeys, OfDistributionsHaveExamplesThatAreRight) {
  for (const std::string_view shape : {"uniform", "normal", "exponential", "pareto"}) {
    const KeySpec* spec = scenario_schema().find("events.*.delay." + std::string(shape));
    ASSERT_NE(spec, nullptr);
    const std::string text = "events: [{at: 0s, for: 1s, point: p, fault: delay, delay: {" +
                             std::string(shape) + ": " + std::string(spec->example) + "}}]\n";
    EXPECT_THAT(errors_of(text), IsEmpty()) << text;
  }
}

TEST(ChaosScenarioDocument, DescribesEveryKeyAsItIs) {
  EXPECT_THAT(service::document_differences(document(), scenario_schema()), IsEmpty());
}

TEST(ChaosScenarioDocument, DescribesEveryFault) {
  for (const FaultWord& word : fault_words()) {
    EXPECT_THAT(document(), HasSubstr("\n| `" + std::string(word.name) + "` | ")) << word.name;
  }
}

TEST(ChaosScenarioDocument, HasAnExampleThatPassesAndShowsEveryFault) {
  const std::vector<std::string> examples = service::document_examples(document());
  ASSERT_EQ(examples.size(), 1u);
  const ScenarioParsed parsed = parse_scenario("example", examples.front());
  ASSERT_TRUE(parsed) << parsed.error().text(service::Colour::no);
  EXPECT_EQ(parsed->findings.text(service::Colour::no), "");
  for (const FaultWord& word : fault_words()) {
    EXPECT_TRUE(std::ranges::any_of(parsed->scenario.events, [&](const Event& event) {
      return fault_name(event.fault) == word.name;
    })) << word.name;
  }
}

TEST(ChaosScenarioDocument, SaysTheDefaultsAsTheyAre) {
  const auto rows = service::document_rows(document());
  const ScenarioParsed parsed =
      parse_scenario("f", std::string(kProxies) +
                              "events: [{at: 0s, for: 1s, on: db, fault: delay, delay: {exponential: {mean: "
                              "1ms}}}]\n");
  ASSERT_TRUE(parsed);
  const auto* fault = std::get_if<DelayFault>(&parsed->scenario.events.front().fault);
  ASSERT_NE(fault, nullptr);
  EXPECT_EQ(rows.at("seed").fallback, "`" + std::to_string(parsed->scenario.seed) + "`");
  EXPECT_EQ(rows.at("proxies.*.protocol").fallback,
            "`" + std::string(to_string(parsed->scenario.proxies.front().protocol)) + "`");
  EXPECT_EQ(rows.at("events.*.direction").fallback, "`" + std::string(to_string(fault->direction)) + "`");
  EXPECT_EQ(rows.at("events.*.delay.max").fallback, "`" + weir::to_string(fault->delay.max) + "`");
}

}  // namespace
}  // namespace weir::chaos::internal

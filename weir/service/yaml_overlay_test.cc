#include "weir/service/yaml_overlay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "weir/service/config.h"

namespace weir::service {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kBase = R"(service: shop
bounds:
  inflight: { limit: 200, queue: { depth: 10, wait: 50ms }, because: b }
  tenant: { key: "header:X-T", inflight: 20, because: b }
upstreams:
  catalog: { url: "http://127.0.0.1:9001", inflight: 50, because: b }
  search: { url: "http://127.0.0.1:9002", inflight: 50, because: b }
routes:
  - { match: "/", upstream: catalog }
  - { match: "/s", upstream: search }
)";

Parsed with(std::string_view overlay, std::string_view second = {}) {
  std::vector<ConfigText> overlays{{"over", overlay}};
  if (!second.empty()) overlays.push_back({"top", second});
  return parse_config({"base", kBase}, overlays);
}

std::vector<std::string> findings_of(const Parsed& parsed) {
  const Diagnostics& findings = parsed ? parsed->warnings : parsed.error();
  std::vector<std::string> lines;
  for (const Diagnostic& item : findings.items()) lines.push_back(findings.line(item));
  return lines;
}

TEST(YamlOverlay, MergesMapsAndReplacesTheRest) {
  const Parsed parsed = with("bounds: { inflight: { limit: 300, queue: { depth: 7 } } }\n");
  ASSERT_TRUE(parsed) << parsed.error().text(Colour::no);
  EXPECT_THAT(findings_of(parsed), IsEmpty());
  EXPECT_EQ(parsed->config.inflight.limit, 300U);
  EXPECT_EQ(parsed->config.inflight.queue.depth, 7U);
  EXPECT_EQ(parsed->config.inflight.queue.wait, 50ms);
  EXPECT_EQ(parsed->config.inflight.because, "b");
  EXPECT_EQ(parsed->config.upstreams.size(), 2U);
}

TEST(YamlOverlay, AListIsReplacedAndAKeyWithoutAValueIsTakenAway) {
  const Parsed parsed = with(
      "bounds: { tenant: }\nupstreams: { search: ~ }\nroutes: [ { match: \"/v1\", upstream: catalog } ]\n");
  ASSERT_TRUE(parsed) << parsed.error().text(Colour::no);
  EXPECT_FALSE(parsed->config.tenant);
  EXPECT_EQ(parsed->config.upstreams.size(), 1U);
  ASSERT_EQ(parsed->config.routes.size(), 1U);
  EXPECT_EQ(parsed->config.routes[0].match, "/v1");
}

TEST(YamlOverlay, TheLastIsOnTop) {
  const Parsed parsed = with("bounds: { inflight: { limit: 300 } }", "bounds: { inflight: { limit: 400 } }");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->config.inflight.limit, 400U);
}

TEST(YamlOverlay, WhatIsNewIsAdded) {
  const Parsed parsed = with(
      "upstreams: { pay: { url: \"http://127.0.0.1:9003\", inflight: 5, because: b } }\n"
      "routes: [ { match: \"/\", upstream: pay }, { match: \"/c\", upstream: catalog }, { match: \"/s\", "
      "upstream: search } ]\n");
  ASSERT_TRUE(parsed) << parsed.error().text(Colour::no);
  EXPECT_EQ(parsed->config.upstreams.back().name, "pay");
}

TEST(YamlOverlay, MistakesAreToldInTheFileTheyComeFrom) {
  EXPECT_THAT(findings_of(with("bounds:\n  inflight: { limit: 0 }\n")),
              ElementsAre("over:2:22: error: bounds.inflight.limit is 0; must be from 1 to 1000000; 0 would "
                          "refuse every request"));
  EXPECT_THAT(
      findings_of(with("bounds: { inflight: { limt: 3 } }")),
      ElementsAre("over:1:23: error: unknown key \"limt\" in bounds.inflight; did you mean \"limit\"?"));
  // Between two files: both are named.
  EXPECT_THAT(findings_of(with("bounds: { tenant: { inflight: 300 } }")),
              ElementsAre("over:1:31: error: bounds.tenant.inflight is 300, more than the 200 that "
                          "bounds.inflight.limit (base:3:22) lets in altogether; less than 200, so that one "
                          "tenant cannot take it all"));
}

TEST(YamlOverlay, MistakesOfTheOverlayItself) {
  EXPECT_THAT(
      findings_of(with("drain: { deadline: 1s }\ndrain: { deadline: 2s }")),
      ElementsAre("over:2:1: error: key \"drain\" is given twice; the first is at over:1:1: keep one of "
                  "them"));
  EXPECT_THAT(
      findings_of(with("drain:\n")),
      ElementsAre("over:1:1: warning: \"drain\" has no value, which takes it away, and it is not there; "
                  "give it a value, or leave it out"));
  EXPECT_THAT(findings_of(with("[1]\n")),
              ElementsAre("over:1:1: error: the file is no map of keys; write the keys that it changes"));
  EXPECT_EQ(findings_of(with("a: [1\n")).size(), 1U);
  EXPECT_THAT(findings_of(with("\n")), ElementsAre("over: warning: the file is empty: it changes nothing"));
  EXPECT_THAT(findings_of(with("[a]: 1\n")),
              ElementsAre("over:1:1: error: a key at the top level must be a word, is a list"));
}

TEST(YamlOverlay, WhatIsTakenAwayIsMissed) {
  EXPECT_THAT(
      findings_of(with("bounds: { inflight: { limit: } }")),
      ElementsAre("base:3:3: error: missing key \"limit\" in bounds.inflight; for example limit: 200"));
}

TEST(YamlOverlay, AFileThatCannotBeReadIsAMistake) {
  const std::vector<std::string> overlays{"no-such-overlay.yaml"};
  const Parsed parsed = load_config("docs/examples/overload.yaml", overlays);
  ASSERT_FALSE(parsed);
  EXPECT_THAT(findings_of(parsed), ElementsAre("no-such-overlay.yaml: error: cannot be read: No such file or "
                                               "directory; is the path right?"));
}

TEST(PrintYaml, SaysWhereEachValueComesFrom) {
  const Parsed parsed = with(
      "bounds:\n  inflight: { limit: 300 }\nroutes: [ { match: \"/\", upstream: catalog }, {match: /s, "
      "upstream: search} ]\n");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(print_yaml(parsed->tree, parsed->warnings), R"(service: shop                   # base:1:10
bounds:
  inflight:
    limit: 300                  # over:2:22
    queue:
      depth: 10                 # base:3:43
      wait: 50ms                # base:3:53
    because: b                  # base:3:70
  tenant:
    key: header:X-T             # base:4:18
    inflight: 20                # base:4:42
    because: b                  # base:4:55
upstreams:
  catalog:
    url: http://127.0.0.1:9001  # base:6:19
    inflight: 50                # base:6:54
    because: b                  # base:6:67
  search:
    url: http://127.0.0.1:9002  # base:7:18
    inflight: 50                # base:7:53
    because: b                  # base:7:66
routes:
  - match: /                    # over:3:20
    upstream: catalog           # over:3:35
  - match: /s                   # over:3:54
    upstream: search            # over:3:68
)");
}

TEST(PrintYaml, ReadsBackAsTheSame) {
  for (const std::string_view overlay :
       {"bounds: { inflight: { because: \"a # b: 'c' \\\"d\\\" \\\\ \\n end\" } }",
        "bounds: { inflight: { because: '- x' } }", "bounds: { inflight: { because: \"null\" } }",
        "bounds: { inflight: { because: \" blanks \" } }",
        "bounds: { inflight: { because: 'h\u00e9 { [ , & * ! |' } }"}) {
    const Parsed parsed = with(overlay);
    ASSERT_TRUE(parsed) << overlay << parsed.error().text(Colour::no);
    const std::string printed = print_yaml(parsed->tree, parsed->warnings);
    const Parsed again = parse_config("printed", printed);
    ASSERT_TRUE(again) << printed << again.error().text(Colour::no);
    EXPECT_EQ(again->config, parsed->config) << printed;
  }
}

}  // namespace
}  // namespace weir::service

#include "weir/service/yaml_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace weir::service {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

// The tree on one line: "{a@1:1=1@1:4 ...}".
std::string drawn(const YamlNode& node) {
  const std::string place = "@" + std::to_string(node.place.line) + ":" + std::to_string(node.place.column);
  std::string inner;
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    const bool value = node.kind == YamlNode::Kind::map && i % 2 == 1;
    inner += (i == 0 ? "" : value ? "=" : " ") + drawn(node.children[i]);
  }
  switch (node.kind) {
    case YamlNode::Kind::null: return "~" + place;
    case YamlNode::Kind::scalar: return node.text + place;
    case YamlNode::Kind::list: return "[" + inner + "]" + place;
    case YamlNode::Kind::map: return "{" + inner + "}" + place;
    case YamlNode::Kind::broken: return "!" + place;
  }
  return "";
}

struct Outcome {
  std::string tree;
  bool whole;
  std::vector<std::string> findings;
};

Outcome parsed(std::string_view text) {
  Diagnostics findings("f", std::string(text));
  const YamlTree tree = parse_yaml(text, findings);
  Outcome outcome{drawn(tree.root), tree.whole, {}};
  for (const Diagnostic& item : findings.items()) outcome.findings.push_back(findings.line(item));
  return outcome;
}

TEST(YamlTree, KnowsThePlaceOfEachValue) {
  const Outcome outcome = parsed("# c\na: 1\nb: {c: 'x y', d: [2, 3]}\né: z  # bytes\r\ne:\nf: ~\n");
  EXPECT_EQ(outcome.tree,
            "{a@2:1=1@2:4 b@3:1={c@3:5=x y@3:8 d@3:15=[2@3:19 3@3:22]@3:18}@3:4 é@4:1=z@4:5 e@5:1=~@5:1 "
            "f@6:1=~@6:1}@2:1");
  EXPECT_TRUE(outcome.whole);
  EXPECT_THAT(outcome.findings, ElementsAre());
}

TEST(YamlTree, KeepsAKeyThatIsGivenTwice) {
  EXPECT_EQ(parsed("a: 1\nb: 2\na: 3\n").tree, "{a@1:1=1@1:4 b@2:1=2@2:4 a@3:1=3@3:4}@1:1");
}

TEST(YamlTree, IsNullForNothing) {
  for (const char* text : {"", "\n\n", "# only a comment\n", "---\n", "~"}) {
    const Outcome outcome = parsed(text);
    EXPECT_EQ(outcome.tree.substr(0, 1), "~") << text;
    EXPECT_TRUE(outcome.whole);
    EXPECT_THAT(outcome.findings, ElementsAre());
  }
}

TEST(YamlTree, RefusesAnchorsAliasesAndTagsAndReadsOn) {
  EXPECT_THAT(
      parsed("a: &x 1\nb: *x\nc: !t 2\nd: !!int 3\ne: &y {f: *y}\n").findings,
      ElementsAre("f:1:4: error: anchors (&name) are not supported; take it away",
                  "f:2:4: error: aliases (*name) are not supported; write the value out",
                  "f:3:4: error: tags (!name) are not supported; take it away, or put the text in quotes",
                  "f:4:4: error: tags (!name) are not supported; take it away, or put the text in quotes",
                  "f:5:4: error: anchors (&name) are not supported; take it away",
                  "f:5:11: error: aliases (*name) are not supported; write the value out"));
  EXPECT_EQ(parsed("b: !t 2\na: 1\n").tree, "{b@1:1=!@1:4 a@2:1=1@2:4}@1:1");
}

TEST(YamlTree, ExplainsMistakesOfSyntax) {
  struct Case {
    const char* text;
    const char* finding;
  };
  for (const auto& [text, finding] : {
           Case{"a: b: c\n",
                "f:1:5: error: no value may start at this ':'; is the line indented wrongly, or does a "
                "text with ':' lack its quotes?"},
           Case{"a: 1\n  b: 2\n",
                "f:2:4: error: no value may start at this ':'; is the line indented wrongly, or "
                "does a text with ':' lack its quotes?"},
           Case{"a: 1\n\tb: 2\n", "f:2:1: error: a tab in the indentation; indent with spaces"},
           Case{"a: {b: 1\nc: 2\n",
                "f:2:2: error: a '{' before this place is not closed; end the map with '}'"},
           Case{"a: [1\nc: 2\n",
                "f:2:2: error: a '[' before this place is not closed; end the list with ']'"},
           Case{"a: @x\n", "f:1:4: error: no value starts with this character; put the text in quotes"},
           Case{"a: *x\n",
                "f:1:4: error: an alias to an anchor that does not exist; write the value out, or put the "
                "text in quotes"},
           Case{"a: \"x\nb: 1\n",
                "f:1:4: error: this quote is never closed; end the text with the same quote"},
           Case{"a: 'it''s\n", "f:1:4: error: this quote is never closed; end the text with the same quote"},
           Case{"a: \"x\\\"\n", "f:1:4: error: this quote is never closed; end the text with the same quote"},
           Case{"a: 1\n---\nb: 2\n",
                "f:2:1: error: what follows is not part of the document above; a file holds one "
                "YAML document: take away the bracket, comma or '---' here"},
           Case{",\n",
                "f:1:1: error: what follows is not part of the document above; a file holds one YAML "
                "document: "
                "take away the bracket, comma or '---' here"},
           Case{"a: \"C:\\dir\"\n",
                "f:1:9: error: a backslash before this place starts no escape; write two of "
                "them, or use single quotes"},
           Case{"a: 1\n]\n", "f:2:1: error: a bracket is closed that was not opened; take it away"},
       }) {
    const Outcome outcome = parsed(text);
    EXPECT_THAT(outcome.findings, ElementsAre(finding)) << text;
    EXPECT_FALSE(outcome.whole);
  }
}

TEST(YamlTree, AcceptsQuotesThatAreClosed) {
  EXPECT_THAT(parsed("a: 'it''s'\nb: \"x \\\" y\"\nc: ''\nd: \"two\n  lines\"\n").findings, ElementsAre());
}

TEST(YamlTree, KeepsWhatStandsCompleteBeforeAMistake) {
  EXPECT_EQ(parsed("a: 1\nb: {c: 2}\nd: {e: 3, f: @}\n").tree, "{a@1:1=1@1:4 b@2:1={c@2:5=2@2:8}@2:4}@1:1");
  // "1 b" below is what the parser makes of the half of two lines.
  EXPECT_EQ(parsed("x: 1\na: 1\n  b: 2\n").tree, "{x@1:1=1@1:4}@1:1");
}

TEST(YamlTree, EndsAtItsLimitsWhileItIsParsed) {
  const std::string deep = std::string(17, '[') + std::string(17, ']');
  EXPECT_THAT(parsed(deep).findings, ElementsAre("f:1:17: error: more than 16 levels of nesting"));
  EXPECT_THAT(parsed(deep.substr(1, 32)).findings, ElementsAre());
  EXPECT_THAT(parsed(std::string(100'000, '[')).findings, SizeIs(1));
  std::string many;
  for (std::size_t i = 0; i < kYamlNodesMax; ++i) many += "- 1\n";
  EXPECT_THAT(parsed(many).findings,
              ElementsAre("f:100000:3: error: the file has more than 100000 values; split it"));
  std::string bomb = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 50; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last + ", " + last + "]\n";
  }
  EXPECT_EQ(parsed(bomb).findings.size(), 50u + 2 * 49u);
}

}  // namespace
}  // namespace weir::service

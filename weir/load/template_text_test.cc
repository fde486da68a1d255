#include "weir/load/template_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace weir::load {
namespace {

using testing::HasSubstr;

std::string filled(std::string_view text, std::uint64_t n, std::uint64_t seed = 1) {
  const auto parsed = TemplateText::parse(text);
  EXPECT_TRUE(parsed) << parsed.error();
  Xoshiro rng(seed);
  return parsed->fill(n, rng);
}

TEST(TemplateText, TextWithoutPlaceholdersStaysAsItIs) {
  EXPECT_EQ(filled("", 3), "");
  EXPECT_EQ(filled("/items?a={b}&c=}}", 3), "/items?a={b}&c=}}");
  EXPECT_TRUE(TemplateText::parse("/items")->constant());
  EXPECT_FALSE(TemplateText::parse("/{{n}}")->constant());
}

TEST(TemplateText, NIsTheNumberOfTheRequest) {
  EXPECT_EQ(filled("{{n}}", 0), "0");
  EXPECT_EQ(filled("/a/{{n}}/b/{{n}}", 42), "/a/42/b/42");
}

TEST(TemplateText, RandomNumbersHaveBothEnds) {
  const TemplateText dice = TemplateText::parse("{{random:1..6}}").value();
  Xoshiro rng(5);
  std::set<std::string> seen;
  for (int i = 0; i < 300; ++i) seen.insert(dice.fill(0, rng));
  EXPECT_THAT(seen, testing::ElementsAre("1", "2", "3", "4", "5", "6"));
  EXPECT_EQ(filled("{{random:7..7}}", 0), "7");
  EXPECT_FALSE(filled("{{random:0..18446744073709551615}}", 0).empty());
}

TEST(TemplateText, PlaceholdersThatMeanNothingAreRefused) {
  const auto refusal = [](std::string_view text) {
    const auto parsed = TemplateText::parse(text);
    EXPECT_FALSE(parsed) << text;
    return parsed ? "" : parsed.error();
  };
  EXPECT_THAT(refusal("/{{n"), HasSubstr("not followed by }}"));
  EXPECT_THAT(refusal("/{{m}}"), HasSubstr("{{m}} is neither"));
  EXPECT_THAT(refusal("{{random:6..1}}"), HasSubstr("{{random:6..1}} is neither"));
  EXPECT_THAT(refusal("{{random:1}}"), HasSubstr("is neither"));
  EXPECT_THAT(refusal("{{random:1..x}}"), HasSubstr("is neither"));
  EXPECT_THAT(refusal("{{random:1..18446744073709551616}}"), HasSubstr("is neither"));
}

}  // namespace
}  // namespace weir::load

#include "weir/service/diagnostics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace weir::service {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

TEST(Diagnostics, ShowPlaceWordsAndTheLineWithACaret) {
  Diagnostics findings("b.yaml", "a: 1\nb: { limt: 2 }\n");
  findings.error({2, 6}, {"unknown key \"limt\"", "did you mean \"limit\"?"});
  EXPECT_EQ(findings.text(Colour::no),
            "b.yaml:2:6: error: unknown key \"limt\"; did you mean \"limit\"?\n"
            "    2 | b: { limt: 2 }\n"
            "      |      ^\n");
  EXPECT_EQ(findings.line(findings.items()[0]),
            "b.yaml:2:6: error: unknown key \"limt\"; did you mean \"limit\"?");
}

TEST(Diagnostics, AreShownInTheOrderOfTheirPlacesErrorsFirst) {
  Diagnostics findings("f", "");
  findings.warn({3, 1}, {"fourth"});
  findings.error({3, 1}, {"third"});
  findings.error({1, 9}, {"second"});
  findings.error({}, {"first"});
  findings.sort();
  EXPECT_EQ(findings.text(Colour::no),
            "f: error: first\nf:1:9: error: second\nf:3:1: error: third\nf:3:1: warning: fourth\n");
  EXPECT_EQ(findings.errors(), 3u);
  EXPECT_EQ(findings.warnings(), 1u);
}

TEST(Diagnostics, PutTheCaretUnderTheCharacterWhateverStandsBeforeIt) {
  Diagnostics findings("f", "\té: x\r\n");
  findings.error({1, 6}, {"here"});  // one tab, two bytes of é, colon, blank
  EXPECT_THAT(findings.text(Colour::no), EndsWith("    1 | \té: x\n      | \t   ^\n"));
}

TEST(Diagnostics, PointPastTheEndOfALine) {
  Diagnostics findings("f", "abc");
  findings.error({1, 4}, {"unfinished"});
  findings.error({1, 5}, {"beyond"});
  findings.error({7, 1}, {"no such line"});
  EXPECT_EQ(findings.text(Colour::no),
            "f:1:4: error: unfinished\n    1 | abc\n      |    ^\n"
            "f:1:5: error: beyond\nf:7:1: error: no such line\n");
}

TEST(Diagnostics, DoNotShowALineThatIsAScreenOfItsOwn) {
  Diagnostics findings("f", std::string(201, 'a'));
  findings.error({1, 1}, {"long"});
  EXPECT_EQ(findings.text(Colour::no), "f:1:1: error: long\n");
}

TEST(Diagnostics, AreColouredOnlyWhenAsked) {
  Diagnostics findings("f", "x");
  findings.error({1, 1}, {"e"});
  findings.warn({1, 1}, {"w"});
  EXPECT_THAT(findings.text(Colour::no), Not(HasSubstr("\x1b")));
  EXPECT_THAT(findings.text(Colour::yes), HasSubstr("\x1b[1;31merror:\x1b[0m e"));
  EXPECT_THAT(findings.text(Colour::yes), HasSubstr("\x1b[1;35mwarning:\x1b[0m w"));
}

TEST(Diagnostics, CountWhatTheyDoNotKeep) {
  Diagnostics findings("f", "");
  for (std::size_t i = 0; i < Diagnostics::kKeptMax + 7; ++i) findings.error({1, 1}, {"e"});
  EXPECT_EQ(findings.items().size(), Diagnostics::kKeptMax);
  EXPECT_EQ(findings.errors(), Diagnostics::kKeptMax + 7);
  EXPECT_THAT(findings.text(Colour::no), EndsWith("f: 7 more are not shown\n"));
}

TEST(PlaceOf, CountsLinesAndBytesFromOne) {
  EXPECT_EQ(place_of("", 0), (Place{1, 1}));
  EXPECT_EQ(place_of("ab\ncd", 1), (Place{1, 2}));
  EXPECT_EQ(place_of("ab\ncd", 2), (Place{1, 3}));
  EXPECT_EQ(place_of("ab\ncd", 3), (Place{2, 1}));
  EXPECT_EQ(place_of("ab\r\ncd", 5), (Place{2, 2}));
}

}  // namespace
}  // namespace weir::service

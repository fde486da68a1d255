#include "tests/tidy/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::tidy {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::Not;

TEST(CodeOf, BlanksCommentsAndLiteralsAndKeepsEveryPlace) {
  const std::string text = "int a; // {\nchar b = '{'; /* {\n{ */ f(\"{\\\"{\"); int c;\n";
  const std::string code = code_of(text);
  EXPECT_EQ(code.size(), text.size());
  EXPECT_THAT(code, Not(HasSubstr("{")));
  EXPECT_EQ(code.find("int c"), text.find("int c"));
  EXPECT_EQ(lines_of(code).size(), 3u);
}

TEST(CodeOf, KnowsRawStringsAndDigitSeparators) {
  EXPECT_THAT(code_of("f(R\"x({)\" {)x\"); int c;"), Not(HasSubstr("{")));
  EXPECT_EQ(code_of("int a = 1'000'000; {}"), "int a = 1'000'000; {}");
  EXPECT_THAT(code_of("g(u8'{'); int c;"), HasSubstr("int c;"));
}

TEST(CodeOf, ConfinesAnUnclosedLiteralToItsLine) {
  EXPECT_THAT(code_of("don't\nint c;"), HasSubstr("int c;"));
}

TEST(IncludesOf, LeavesOutWhatIsCommentedOrQuoted) {
  const auto includes = includes_of(
      "// #include \"weir/a/a.h\"\n"
      "#include \"weir/b/b.h\"  // for b\n"
      "/*\n#include \"weir/c/c.h\"\n*/\n"
      "#include <vector>\n");
  EXPECT_THAT(includes, ElementsAre(Field(&Include::path, "weir/b/b.h")));
  EXPECT_EQ(includes[0].line, 2u);
}

TEST(Finding, SaysFileAndLine) {
  EXPECT_EQ((Finding{"a/b.h", 7, "is wrong"}).text(), "a/b.h:7: is wrong");
  EXPECT_EQ((Finding{"a/b.h", 0, "is wrong"}).text(), "a/b.h: is wrong");
}

}  // namespace
}  // namespace weir::tidy

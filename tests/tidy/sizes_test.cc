#include "tests/tidy/sizes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tidy/matchers.h"

namespace weir::tidy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string lines(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += "  // line\n";
  return text;
}

std::string function(const std::string& head, std::size_t body_lines) {
  return head + " {\n" + lines(body_lines) + "}\n";
}

std::vector<std::string> names(std::string_view text) {
  std::vector<std::string> result;
  for (const Function& found : functions_of(text)) {
    result.push_back(found.name + ":" + std::to_string(found.line) + "+" + std::to_string(found.lines));
  }
  return result;
}

TEST(FunctionsOf, FindsFunctionsInNamespacesAndClasses) {
  EXPECT_THAT(names("namespace a {\n"
                    "class B final : public C {\n"
                    " public:\n"
                    "  int d() const { return 1; }\n"
                    "  template <typename T>\n"
                    "  auto e(T t) -> int {\n"
                    "    if (t) { f(); }\n"
                    "  }\n"
                    "};\n"
                    "Result<int> B::g(int a) noexcept {\n"
                    "  auto h = [](int i) { return i; };\n"
                    "}\n"
                    "}  // namespace a\n"
                    "TEST(B, Works) {\n"
                    "}\n"),
              ElementsAre("d:4+1", "e:5+4", "B::g:10+3", "TEST(B, Works):14+2"));
}

TEST(FunctionsOf, SeesThroughMemberInitialisers) {
  EXPECT_THAT(names("B::B(int a)\n"
                    "    : a_{a}, b_{1, 2} {\n"
                    "  run();\n"
                    "}\n"
                    "B::~B() {}\n"),
              ElementsAre("B::B:1+4", "B::~B:5+1"));
}

TEST(FunctionsOf, LeavesDataAndTypesAlone) {
  EXPECT_THAT(names("enum class E { a, b };\n"
                    "constexpr std::array kX{1, 2};\n"
                    "int y = {3};\n"
                    "struct S { int f; };\n"),
              IsEmpty());
}

TEST(FunctionsOf, ReadsTheFirstBranchOfConditionalCode) {
  EXPECT_THAT(names("#ifdef A\n"
                    "void f(int a) {\n"
                    "#else\n"
                    "void f() {\n"
                    "#endif\n"
                    "}\n"
                    "#define OPEN {\\\n"
                    "  {\n"
                    "void g() {}\n"),
              ElementsAre("f:2+5", "g:9+1"));
}

TEST(Sizes, AreFineUpToTheLimit) {
  EXPECT_THAT(check_sizes({{"weir/a.cc", lines(kFileLinesMax - kFunctionLinesMax) +
                                             function("void f()", kFunctionLinesMax - 2)}}),
              IsEmpty());
}

TEST(Sizes, RefuseALongFileAndALongFunction) {
  EXPECT_THAT(check_sizes({{"weir/a.cc", lines(kFileLinesMax + 1)}}),
              ElementsAre(FindingAt("weir/a.cc", "is 501 lines long, at most 500")));
  EXPECT_THAT(check_sizes({{"weir/a.cc", "\n" + function("void A::f()", kFunctionLinesMax - 1)}}),
              ElementsAre(FindingAt("weir/a.cc:2", "A::f is 71 lines long, at most 70")));
}

TEST(Sizes, LetTheRatchetHoldWhatIsListed) {
  EXPECT_THAT(
      check_sizes({{"weir/a.cc", lines(600)},
                   {"weir/b.cc", function("void A::f()", 78)},
                   {"tests/tidy/ratchet.txt", "# why\nfile weir/a.cc 600\nfunction weir/b.cc A::f 80\n"}}),
      IsEmpty());
}

TEST(Sizes, RefuseGrowthOverTheRatchet) {
  EXPECT_THAT(check_sizes({{"weir/a.cc", lines(601)}, {"tests/tidy/ratchet.txt", "file weir/a.cc 600\n"}}),
              ElementsAre(FindingAt("weir/a.cc", "has grown to 601 lines from 600")));
}

TEST(Sizes, WantTheRatchetTurnedWhenSomethingShrank) {
  EXPECT_THAT(check_sizes({{"weir/a.cc", lines(599)}, {"tests/tidy/ratchet.txt", "\nfile weir/a.cc 600\n"}}),
              ElementsAre(FindingAt("tests/tidy/ratchet.txt:2", "has shrunk to 599 lines")));
  EXPECT_THAT(check_sizes({{"weir/a.cc", lines(9)}, {"tests/tidy/ratchet.txt", "file weir/a.cc 600\n"}}),
              ElementsAre(FindingAt("tests/tidy/ratchet.txt:1", "remove this line")));
}

TEST(Sizes, EndAtAThousandLinesWhateverTheRatchetSays) {
  EXPECT_THAT(check_sizes({{"weir/a.cc", lines(1001)}, {"tests/tidy/ratchet.txt", "file weir/a.cc 1001\n"}}),
              ElementsAre(FindingAt("weir/a.cc:1001", "no file is longer than 1000")));
}

TEST(Sizes, RefuseARatchetTheyCannotRead) {
  EXPECT_THAT(check_sizes({{"tests/tidy/ratchet.txt", "weir/a.cc: long\n"}}),
              ElementsAre(FindingAt("tests/tidy/ratchet.txt:1", "expected")));
}

}  // namespace
}  // namespace weir::tidy

#include "weir/service/text.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace weir::service {
namespace {

using std::string_view_literals::operator""sv;

TEST(Text, IsUtf8WithTabsAndLineBreaks) {
  EXPECT_FALSE(find_text_fault(""));
  EXPECT_FALSE(find_text_fault("a: 1\r\n\tb: é € 𝄞\n"));
}

TEST(Text, IsRefusedAtTheFirstByteThatIsNone) {
  struct Case {
    std::string_view text;
    std::size_t offset;
    std::string_view message;
  };
  for (const auto& [text, offset, message] : {
           Case{"ab\xff", 2, "byte 0xff is not UTF-8"},
           Case{"\xc3", 0, "byte 0xc3 is not UTF-8"},              // cut off
           Case{"\xc0\xaf", 0, "byte 0xc0 is not UTF-8"},          // overlong
           Case{"\xe0\x9f\xbf", 0, "byte 0xe0 is not UTF-8"},      // overlong
           Case{"\xf0\x8f\xbf\xbf", 0, "byte 0xf0 is not UTF-8"},  // overlong
           Case{"\xed\xa0\x80", 0, "byte 0xed is not UTF-8"},      // surrogate
           Case{"\xf4\x90\x80\x80", 0, "byte 0xf4 is not UTF-8"},  // beyond U+10FFFF
           Case{"\xf0\x9d\x84", 0, "byte 0xf0 is not UTF-8"},      // cut off
           Case{"\x80", 0, "byte 0x80 is not UTF-8"},
           Case{"\xff\xfe"
                "a\0"sv,
                0, "the file is UTF-16"},
           Case{"a\0b"sv, 1, "control byte 0x00 in the file"},
           Case{"a: \x04", 3, "control byte 0x04 in the file"},  // yaml-cpp's own end mark
           Case{"\x1b[31m", 0, "control byte 0x1b in the file"},
           Case{"\x7f", 0, "control byte 0x7f in the file"},
           Case{"\xc2\x9b", 0, "control byte 0x9b in the file"},
           Case{"a\rb", 1, "a line ends in CR alone"},
       }) {
    const auto fault = find_text_fault(text);
    ASSERT_TRUE(fault) << message;
    EXPECT_EQ(fault->offset, offset) << message;
    EXPECT_EQ(fault->fault.message, message);
    EXPECT_FALSE(fault->fault.hint.empty());
  }
}

TEST(InQuotes, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(in_quotes("limt"), "\"limt\"");
  EXPECT_EQ(in_quotes("a\"b\\c\nd\te"), R"("a\"b\\c\nd\te")");
  EXPECT_EQ(in_quotes("\x1b[31m"), R"("\x1b[31m")");
  EXPECT_EQ(in_quotes("\xc2\x9b"), R"("\xc2\x9b")");
  EXPECT_EQ(in_quotes("\xff"), R"("\xff")");
  EXPECT_EQ(in_quotes("é"), "\"é\"");
}

TEST(InQuotes, CutsWhatIsLongBetweenCharacters) {
  const std::string cut = in_quotes(std::string(100'000, 'a'));
  EXPECT_EQ(cut, '"' + std::string(60, 'a') + "...\"");
  std::string accents;
  for (int i = 0; i < 100; ++i) accents += "é";
  EXPECT_FALSE(find_text_fault(in_quotes(accents)));
}

}  // namespace
}  // namespace weir::service

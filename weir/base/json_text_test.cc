#include "weir/base/json_text.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

std::string json(std::string_view text) {
  std::string out;
  append_json_string(text, out);
  return out;
}

TEST(JsonText, QuotesAndControlCharactersAreEscaped) {
  EXPECT_EQ(json("a\"b\\c\n"), R"("a\"b\\c\u000a")");
  EXPECT_EQ(json(std::string_view("\0\x1f\x7f", 3)), "\"\\u0000\\u001f\x7f\"");
}

TEST(JsonText, ValidUtf8PassesUnchanged) {
  EXPECT_EQ(json("gr\u00fc\u00df \u20ac \U0001F30A"), "\"gr\u00fc\u00df \u20ac \U0001F30A\"");
}

TEST(JsonText, InvalidBytesBecomeTheReplacementCharacter) {
  constexpr std::string_view kReplaced = "\"\xEF\xBF\xBD\"";
  EXPECT_EQ(json("\xff"), kReplaced);
  EXPECT_EQ(json("\xe2\x82"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");                  // cut short
  EXPECT_EQ(json("\xc0\xaf"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");                  // overlong
  EXPECT_EQ(json("\xed\xa0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");  // a surrogate
}

TEST(HtmlText, MarkupIsEscaped) {
  std::string out;
  append_html_text("<a href=\"x\">'&'</a>", out);
  EXPECT_EQ(out, "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
}

}  // namespace
}  // namespace weir

#include "weir/http/internal/words.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::http::internal {
namespace {

bool is_letter_or_hyphen(int c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-'; }

// Every byte at every place of a word, between others of both kinds.
TEST(Words, TellEveryByteForWhatItIs) {
  for (const char beside : {'a', 'Z', '-', ' ', '~'}) {
    for (std::size_t at = 0; at < 8; ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string text(8, beside);
        text[at] = static_cast<char>(c);
        const bool letters = is_letter_or_hyphen(beside) && is_letter_or_hyphen(c);
        EXPECT_EQ(other_than_letters(word_at(text.data())) == 0, letters) << beside << ' ' << at << ' ' << c;
        if (is_letter_or_hyphen(beside)) {
          EXPECT_EQ(end_of_letters(text, 0), letters ? 8u : at) << beside << ' ' << c;
        }
        const bool printable = c >= ' ' && c <= '~';
        EXPECT_EQ(end_of_text(text, 0), printable ? 8u : at) << beside << ' ' << at << ' ' << c;
        std::string small = text;
        for (char& character : small) {
          if (character >= 'A' && character <= 'Z') character = static_cast<char>(character + 32);
        }
        EXPECT_EQ(small_letters(word_at(text.data())), word_at(small.data())) << at << ' ' << c;
      }
    }
  }
}

TEST(Words, LettersEndWhereAnythingElseBegins) {
  const std::string text = "X-Forwarded-For: 10.0.0.1";
  for (const std::size_t from : {0u, 7u, 8u, 14u, 15u}) EXPECT_EQ(end_of_letters(text, from), 15u);
  EXPECT_EQ(end_of_letters("short", 0), 0u);
}

}  // namespace
}  // namespace weir::http::internal

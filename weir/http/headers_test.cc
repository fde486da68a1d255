#include "weir/http/headers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace weir::http {
namespace {

using testing::ElementsAre;

TEST(Headers, FindsFieldsWithoutRegardToCase) {
  Headers headers;
  EXPECT_TRUE(headers.add("Content-Type", "text/plain"));
  EXPECT_EQ(headers.get("content-TYPE"), "text/plain");
  EXPECT_EQ(headers.get("Content-Typ"), std::nullopt);
  EXPECT_EQ(headers.get("Content-Types"), std::nullopt);
}

TEST(Headers, KeepsRepeatedFieldsInOrder) {
  Headers headers;
  headers.add("Via", "a");
  headers.add("X", "y");
  headers.add("via", "b");
  EXPECT_EQ(headers.get("Via"), "a");
  EXPECT_THAT(headers.get_all("VIA"), ElementsAre("a", "b"));
  EXPECT_EQ(headers.size(), 3u);
  std::string written;
  headers.append_to(written);
  EXPECT_EQ(written, "Via: a\r\nX: y\r\nvia: b\r\n");
  EXPECT_EQ(headers.bytes(), written.size());
}

TEST(Headers, SetTakesThePlaceOfAll) {
  Headers headers;
  headers.add("A", "1");
  headers.add("B", "2");
  headers.add("a", "3");
  EXPECT_TRUE(headers.set("A", "4"));
  EXPECT_THAT(headers.get_all("A"), ElementsAre("4"));
  EXPECT_EQ(headers.get("B"), "2");
  EXPECT_EQ(headers.remove("b"), 1u);
  EXPECT_EQ(headers.remove("b"), 0u);
  EXPECT_EQ(headers.bytes(), 6u);
}

TEST(Headers, TakesItsOwnTextAsAValue) {
  Headers headers;
  headers.add("A", std::string(100, 'x'));
  for (int i = 0; i < 100; ++i) headers.add("B", *headers.get("A"));
  EXPECT_EQ(headers.get_all("B").back(), std::string(100, 'x'));
  headers.set("A", *headers.get("B"));
  EXPECT_EQ(headers.get("A"), std::string(100, 'x'));
}

TEST(Headers, LetsNoValueEndItsLine) {
  Headers headers;
  EXPECT_TRUE(headers.add("X", " a\r\nSet-Cookie: b\t "));
  EXPECT_EQ(headers.get("X"), "a  Set-Cookie: b");
  EXPECT_TRUE(headers.add("Y", std::string_view("\0\x7f", 2)));
  EXPECT_EQ(headers.size(), 2u);
  std::string written;
  headers.append_to(written);
  EXPECT_EQ(written.find('\0'), std::string::npos);
}

TEST(Headers, CopiesFieldsOfOthersAndOfItsOwn) {
  Headers from;
  from.add("A", "1");
  from.add("Bee", "two words");
  Headers to;
  to.reserve(3, 64);
  EXPECT_TRUE(to.copy(from, [](const Headers::Field& field) { return field.name == "Bee"; }));
  EXPECT_TRUE(to.copy(from, [](const Headers::Field& field) { return field.name == "A"; }));
  EXPECT_TRUE(to.copy(to, [](const Headers::Field& field) { return field.name == "Bee"; }));
  std::string written;
  to.append_to(written);
  EXPECT_EQ(written, "Bee: two words\r\nA: 1\r\nBee: two words\r\n");
  EXPECT_EQ(to.bytes(), written.size());
  const auto all = [](const Headers::Field&) { return true; };
  while (to.size() + 1 < Headers::kFieldsMax) ASSERT_TRUE(to.copy(from, all));
  EXPECT_FALSE(to.copy(from, all));
  EXPECT_EQ(to.size(), Headers::kFieldsMax - 1);
}

// Of eight fields each subset: what lies together is copied at once.
TEST(Headers, CopiesAndWritesEveryRunOfThoseThatStay) {
  Headers from;
  for (int i = 0; i < 8; ++i)
    from.add("N" + std::to_string(i), std::string(static_cast<std::size_t>(i), 'v'));
  from.remove("n3");  // a hole
  for (unsigned stays = 0; stays < 256; ++stays) {
    const auto chosen = [stays](const Headers::Field& field) {
      return (stays >> static_cast<unsigned>(field.name[1] - '0') & 1) != 0;
    };
    Headers to;
    to.add("first", "1");
    EXPECT_TRUE(to.copy(from, chosen));
    std::string expected = "first: 1\r\n", written, chosen_only;
    for (const auto [name, value] : from) {
      if (!chosen({name, value})) continue;
      expected.append(name).append(": ").append(value).append("\r\n");
      EXPECT_EQ(to.get(name), value);
    }
    to.append_to(written);
    EXPECT_EQ(written, expected);
    EXPECT_EQ(to.bytes(), expected.size());
    from.append_to(chosen_only, chosen);
    EXPECT_EQ("first: 1\r\n" + chosen_only, expected);
  }
}

// Each name beside one that differs from it in one place, for every length and letter.
TEST(Headers, TellsNamesApartWhereverTheyDiffer) {
  for (std::size_t size = 1; size < 30; ++size) {
    const std::string name(size, 'k');
    EXPECT_TRUE(equals_ignoring_case(name, std::string(size, 'K')));
    for (std::size_t at = 0; at < size; ++at) {
      for (int c = 1; c < 256; ++c) {
        std::string other = name;
        other[at] = static_cast<char>(c);
        const bool same = c == 'k' || c == 'K';
        ASSERT_EQ(equals_ignoring_case(name, other), same) << size << ' ' << at << ' ' << c;
        if (!is_token(other)) continue;
        Headers headers;
        headers.add(other, "v");
        ASSERT_EQ(headers.get(name).has_value(), same) << other;
      }
    }
  }
}

TEST(Headers, RefusesWhatIsNoName) {
  Headers headers;
  for (const std::string_view name : {"", "a b", "a:", "a\r", "\xe9"}) {
    EXPECT_FALSE(headers.add(name, "x")) << name;
    EXPECT_FALSE(headers.set(name, "x")) << name;
  }
  EXPECT_TRUE(headers.empty());
}

TEST(Headers, RefusesMoreThanItMayHold) {
  Headers headers;
  for (std::size_t i = 0; i < Headers::kFieldsMax; ++i) ASSERT_TRUE(headers.add("a", "b"));
  EXPECT_FALSE(headers.add("a", "b"));
  headers.clear();
  EXPECT_FALSE(headers.add("a", std::string(Headers::kBytesMax, 'x')));
  EXPECT_EQ(headers.bytes(), 0u);
}

TEST(Headers, FindsTokensInLists) {
  Headers headers;
  headers.add("Connection", "keep-alive,\tUpgrade ,");
  headers.add("connection", "X-Own");
  EXPECT_TRUE(headers.has_token("Connection", "Keep-Alive"));
  EXPECT_TRUE(headers.has_token("Connection", "upgrade"));
  EXPECT_TRUE(headers.has_token("Connection", "x-own"));
  EXPECT_FALSE(headers.has_token("Connection", "keep"));
  EXPECT_FALSE(headers.has_token("Connection", "close"));
  EXPECT_FALSE(headers.has_token("Upgrade", "upgrade"));
}

}  // namespace
}  // namespace weir::http

#include "weir/service/suggest.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

namespace weir::service {
namespace {

TEST(EditDistance, CountsEachKindOfEditOnce) {
  EXPECT_EQ(edit_distance("limit", "limit"), 0u);
  EXPECT_EQ(edit_distance("limt", "limit"), 1u);    // put in
  EXPECT_EQ(edit_distance("limmit", "limit"), 1u);  // taken out
  EXPECT_EQ(edit_distance("limet", "limit"), 1u);   // exchanged
  EXPECT_EQ(edit_distance("limti", "limit"), 1u);   // swapped
  EXPECT_EQ(edit_distance("Limit", "limit"), 0u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
}

TEST(EditDistance, IsTheSameBothWays) {
  constexpr std::array<std::string_view, 5> kWords{"", "a", "inflight", "flightin", "in_flight"};
  for (const std::string_view a : kWords) {
    for (const std::string_view b : kWords)
      EXPECT_EQ(edit_distance(a, b), edit_distance(b, a)) << a << " " << b;
  }
}

TEST(EditDistance, DoesNotCompareVeryLongWords) {
  const std::string long_word(100'000, 'a');
  EXPECT_EQ(edit_distance(long_word, "limit"), long_word.size());
  EXPECT_EQ(edit_distance("limit", long_word), long_word.size());
}

TEST(Nearest, FindsWhatWasMeant) {
  constexpr std::array<std::string_view, 4> kKeys{"limit", "queue", "because", "inflight"};
  EXPECT_EQ(nearest("limt", kKeys), "limit");
  EXPECT_EQ(nearest("becuase", kKeys), "because");
  EXPECT_EQ(nearest("in_flight", kKeys), "inflight");
  EXPECT_EQ(nearest("QUEUE", kKeys), "queue");
}

TEST(Nearest, SaysNothingWhereNothingIsNear) {
  constexpr std::array<std::string_view, 3> kKeys{"limit", "queue", "a"};
  EXPECT_EQ(nearest("colour", kKeys), "");
  EXPECT_EQ(nearest("", kKeys), "");
  EXPECT_EQ(nearest("b", kKeys), "");  // every one-letter word is one edit from another
  EXPECT_EQ(nearest("limit", {}), "");
}

}  // namespace
}  // namespace weir::service

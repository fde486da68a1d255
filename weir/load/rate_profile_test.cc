#include "weir/load/rate_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weir/base/rng.h"

namespace weir::load {
namespace {

using testing::HasSubstr;

RateProfile parsed(std::string_view text, Duration length = 10s) {
  auto profile = RateProfile::parse(text, length);
  EXPECT_TRUE(profile) << profile.error();
  return *profile;
}

std::string refusal(std::string_view text, Duration length = 10s) {
  const auto profile = RateProfile::parse(text, length);
  EXPECT_FALSE(profile) << text;
  return profile ? "" : profile.error();
}

TEST(RateProfile, ANumberIsARateForTheWholeRun) {
  const RateProfile profile = parsed("1000");
  EXPECT_EQ(profile.length(), 10s);
  EXPECT_DOUBLE_EQ(profile.arrivals(), 10'000);
  EXPECT_EQ(profile.when(0), 0s);
  EXPECT_EQ(profile.when(1), 1ms);
  EXPECT_EQ(profile.when(5'000), 5s);
  EXPECT_DOUBLE_EQ(profile.rate_at(9s), 1000);
  EXPECT_DOUBLE_EQ(profile.rate_at(10s), 0);
}

TEST(RateProfile, TwoRatesAreARamp) {
  const RateProfile profile = parsed("0..1000");
  EXPECT_DOUBLE_EQ(profile.arrivals(), 5'000);
  EXPECT_DOUBLE_EQ(profile.rate_at(5s), 500);
  EXPECT_DOUBLE_EQ(profile.arrivals_by(5s), 1'250);
  EXPECT_EQ(profile.when(1'250), 5s);
  EXPECT_DOUBLE_EQ(parsed("1000..0").arrivals_by(5s), 3'750);
}

TEST(RateProfile, StepsShareTheRun) {
  const RateProfile profile = parsed("100,200,400", 30s);
  ASSERT_EQ(profile.pieces().size(), 3u);
  EXPECT_EQ(profile.pieces()[1], (RateProfile::Piece{.from = 200, .to = 200, .length = 10s}));
  EXPECT_DOUBLE_EQ(profile.arrivals(), 7'000);
  EXPECT_EQ(profile.when(1'000), 10s);
  EXPECT_EQ(profile.when(2'000), 15s);
}

TEST(RateProfile, PiecesWithLengthsMakeTheRun) {
  const RateProfile profile = parsed("100x30s,100..700x1m,0x5s,10.5x1s");
  EXPECT_EQ(profile.length(), 96s);
  EXPECT_DOUBLE_EQ(profile.arrivals(), 3'000 + 24'000 + 10.5);
  // Where nothing arrives, the next one comes after it.
  EXPECT_EQ(profile.when(27'000), 95s);
}

TEST(RateProfile, WhenIsTheInverseOfArrivalsBy) {
  Xoshiro rng(7);
  for (int round = 0; round < 200; ++round) {
    std::string text;
    for (int piece = 0; piece < 4; ++piece) {
      text += (piece == 0 ? "" : ",") + std::to_string(1 + rng.next() % 5'000) + ".." +
              std::to_string(rng.next() % 5'000) + "x" + std::to_string(1 + rng.next() % 20) + "s";
    }
    const RateProfile profile = parsed(text);
    Duration before{};
    for (double count = 0; count < profile.arrivals(); count += profile.arrivals() / 97) {
      const Duration at = profile.when(count);
      ASSERT_GE(at, before) << text;
      // To the nanosecond in which it falls.
      ASSERT_NEAR(profile.arrivals_by(at), count, 1e-4) << text;
      before = at;
    }
  }
}

TEST(RateProfile, SaysWhatIsWrong) {
  EXPECT_THAT(refusal(""), HasSubstr("is no rate"));
  EXPECT_THAT(refusal("fast"), HasSubstr("\"fast\" is no rate"));
  EXPECT_THAT(refusal("100,-1"), HasSubstr("\"-1\" is no rate"));
  EXPECT_THAT(refusal("nan"), HasSubstr("is no rate"));
  EXPECT_THAT(refusal("1e99"), HasSubstr("is no rate"));
  EXPECT_THAT(refusal("1.."), HasSubstr("\"1..\" is no rate"));
  EXPECT_THAT(refusal("100x"), HasSubstr("does not end with a time"));
  EXPECT_THAT(refusal("100x10"), HasSubstr("does not end with a time"));
  EXPECT_THAT(refusal("100x1s,200"), HasSubstr("either every piece"));
  EXPECT_THAT(refusal("1x20h,1x20h"), HasSubstr("at most 24h"));
  EXPECT_THAT(refusal("0"), HasSubstr("not one request"));
  EXPECT_THAT(refusal("0.05"), HasSubstr("not one request"));
}

}  // namespace
}  // namespace weir::load

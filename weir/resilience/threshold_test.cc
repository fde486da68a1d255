#include "weir/resilience/threshold.h"

#include <gtest/gtest.h>

#include <string>

#include "weir/base/rng.h"

namespace weir::resilience {
namespace {

TEST(Threshold, IsALevelAndHowLongItHolds) {
  EXPECT_EQ(parse_threshold("256"), (Threshold{.shed_below = 256}));
  EXPECT_EQ(parse_threshold(" 256;for=500 "), (Threshold{.shed_below = 256, .valid_for = 500ms}));
  EXPECT_EQ(parse_threshold("0;for=1;later=x"), (Threshold{.shed_below = 0, .valid_for = 1ms}));
  EXPECT_EQ(parse_threshold("7; q ;for=20"), (Threshold{.shed_below = 7, .valid_for = 20ms}));
}

TEST(Threshold, WhatIsNotOneCountsAsNotSent) {
  for (const char* field :
       {"", " ", "-1", "+1", "1.5", "high", "256 512", "1000001", "99999999999999999999", "1;", "1;;for=2",
        "1;for=", "1;for=-1", "1;for=x", "1;for=3600001", "256,512", ";for=5"})
    EXPECT_FALSE(parse_threshold(field)) << field;
}

TEST(Threshold, IsReadAsItIsWritten) {
  Xoshiro rng(1);
  for (int i = 0; i < 1000; ++i) {
    const Threshold threshold{.shed_below = static_cast<std::uint32_t>(below(rng, kThresholdMax + 1)),
                              .valid_for = static_cast<int>(below(rng, 10'000)) * 1ms};
    EXPECT_EQ(parse_threshold(to_field(threshold)), threshold) << to_field(threshold);
  }
}

// Whatever bytes come: no crash, and nothing out of range.
TEST(Threshold, AnyBytesAreReadWithoutHarm) {
  Xoshiro rng(2);
  for (int i = 0; i < 100'000; ++i) {
    std::string field;
    for (std::uint64_t length = below(rng, 20); length > 0; --length)
      field += "0123456789;for= \t,-x"[below(rng, 20)];
    if (const auto threshold = parse_threshold(field)) {
      EXPECT_LE(threshold->shed_below, kThresholdMax);
      EXPECT_LE(threshold->valid_for, kThresholdValidMax);
    }
  }
}

}  // namespace
}  // namespace weir::resilience

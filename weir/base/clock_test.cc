#include "weir/base/clock.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

constexpr TimePoint at(Duration since_origin) { return TimePoint(since_origin); }

static_assert(saturating_add(at(1s), 2s) == at(3s));
static_assert(saturating_add(kNever, 1ns) == kNever);

TEST(SaturatingAdd, AddsUpToTheLastInstant) {
  EXPECT_EQ(saturating_add(at(1s), Duration::zero()), at(1s));
  EXPECT_EQ(saturating_add(at(1s), Duration(-500ms)), at(500ms));
  EXPECT_EQ(saturating_add(kNever - 2ns, 1ns), kNever - 1ns);
}

TEST(SaturatingAdd, GivesNeverInsteadOfAnOverflow) {
  EXPECT_EQ(saturating_add(kNever - 1ns, 1ns), kNever);
  EXPECT_EQ(saturating_add(at(1ns), Duration::max()), kNever);
  EXPECT_EQ(saturating_add(at(Duration::zero()), Duration::max()), kNever);
  EXPECT_EQ(saturating_add(kNever, Duration(-1h)), kNever);
}

TEST(SystemClock, DoesNotGoBack) {
  const SystemClock clock;
  TimePoint last = clock.now();
  for (int i = 0; i < 1000; ++i) {
    const TimePoint next = clock.now();
    ASSERT_GE(next, last);
    last = next;
  }
}

TEST(SystemClock, MovesOn) {
  const TimePoint start = SystemClock::read();
  TimePoint now = start;
  while (now == start) now = SystemClock::read();
  EXPECT_GT(now, start);
}

}  // namespace
}  // namespace weir

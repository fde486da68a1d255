#include "weir/service/rate_fields.h"

#include <gtest/gtest.h>

namespace weir::service {
namespace {

RateFields fields(std::uint64_t units, Duration per, std::uint64_t left, Duration full_in) {
  RateFields fields;
  fields.add("tenant-rate",
             {.rate = {.units = units, .per = per, .burst = units}, .left = left, .full_in = full_in});
  return fields;
}

TEST(RateFields, SayWhatThereIsAndWhatIsLeft) {
  EXPECT_EQ(fields(500, 1s, 12, 2400ms).policy, "\"tenant-rate\";q=500;w=1");
  EXPECT_EQ(fields(500, 1s, 12, 2400ms).left, "\"tenant-rate\";r=12;t=3");
  EXPECT_EQ(fields(10, 60s, 10, 0s).policy, "\"tenant-rate\";q=10;w=60");
  EXPECT_EQ(fields(10, 60s, 10, 0s).left, "\"tenant-rate\";r=10;t=0");
}

TEST(RateFields, AWindowIsWholeSeconds) {
  EXPECT_EQ(fields(5, 100ms, 0, 1ns).policy, "\"tenant-rate\";q=50;w=1");
  EXPECT_EQ(fields(3, 1500ms, 0, 1ns).policy, "\"tenant-rate\";q=4;w=2");
  EXPECT_EQ(fields(5, 100ms, 0, 1ns).left, "\"tenant-rate\";r=0;t=1");
}

TEST(RateFields, HaveAMemberForEachBound) {
  constexpr std::uint64_t kMost = ~std::uint64_t{0};
  RateFields both = fields(500, 1s, 12, 2s);
  both.add(std::string(300, 'n'), {.rate = {.units = kMost, .per = 1s, .burst = 1}, .left = kMost});
  const std::string name = '"' + std::string(300, 'n') + '"';
  EXPECT_EQ(both.policy, "\"tenant-rate\";q=500;w=1, " + name + ";q=18446744073709551615;w=1");
  EXPECT_EQ(both.left, "\"tenant-rate\";r=12;t=2, " + name + ";r=18446744073709551615;t=0");
}

}  // namespace
}  // namespace weir::service

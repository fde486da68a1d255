#include "weir/base/check.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Check, EvaluatesItsExpressionOnce) {
  int evaluations = 0;
  WEIR_CHECK(++evaluations > 0, "counts");
  EXPECT_EQ(evaluations, 1);
}

TEST(CheckDeathTest, PrintsThePlaceTheExpressionAndTheMessage) {
  EXPECT_DEATH(WEIR_CHECK(1 + 1 == 3, "arithmetic holds"),
               "check_test.cc:[0-9]+: check failed: 1 \\+ 1 == 3: arithmetic holds");
}

#ifdef NDEBUG
TEST(Dcheck, CostsNothingInRelease) {
  int evaluations = 0;
  WEIR_DCHECK(++evaluations > 0, "is not evaluated");
  EXPECT_EQ(evaluations, 0);
}
#endif

}  // namespace
}  // namespace weir

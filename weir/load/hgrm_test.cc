#include "weir/load/hgrm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <vector>

namespace weir::load {
namespace {

using testing::HasSubstr;

struct Line {
  double value_ms;
  double percentile;
  std::uint64_t count;
};

std::vector<Line> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::string line;
  std::getline(in, line);
  EXPECT_THAT(line, HasSubstr("Value     Percentile TotalCount 1/(1-Percentile)"));
  std::vector<Line> lines;
  while (std::getline(in, line)) {
    Line parsed{};
    std::istringstream fields(line);
    if (fields >> parsed.value_ms >> parsed.percentile >> parsed.count) lines.push_back(parsed);
  }
  return lines;
}

TEST(Hgrm, ItsLinesAreThePercentilesOfTheHistogram) {
  Histogram histogram;
  for (int i = 1; i <= 10'000; ++i) histogram.record(i * 10us);
  const std::string text = to_hgrm(histogram);
  const std::vector<Line> lines = lines_of(text);
  ASSERT_GT(lines.size(), 30u);
  for (const Line& line : lines) {
    const double exact_ms =
        std::chrono::duration<double, std::milli>(histogram.quantile(line.percentile)).count();
    EXPECT_NEAR(line.value_ms, exact_ms, exact_ms / 500 + 0.001) << line.percentile;
    EXPECT_GE(static_cast<double>(line.count), line.percentile * 10'000 - 1e-6);
  }
  EXPECT_EQ(lines.front().percentile, 0);
  EXPECT_EQ(lines.back().percentile, 1);
  EXPECT_EQ(lines.back().count, 10'000u);
  EXPECT_NEAR(lines.back().value_ms, 100, 0.001);
  EXPECT_THAT(text, HasSubstr("#[Max     =      100.000, Total count    =        10000]"));
  EXPECT_THAT(text, HasSubstr("#[Mean    =       50.005, StdDeviation   =       28."));
}

TEST(Hgrm, OneRecordIsOneLine) {
  Histogram histogram;
  histogram.record(3ms);
  const std::vector<Line> lines = lines_of(to_hgrm(histogram));
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_DOUBLE_EQ(lines[0].value_ms, 3);
}

TEST(Hgrm, NothingIsNoLineAndNoNumberThatIsNone) {
  const std::string text = to_hgrm(Histogram());
  EXPECT_TRUE(lines_of(text).empty());
  EXPECT_THAT(text, testing::Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace weir::load

#include "weir/observe/metrics_page.h"

#include <gtest/gtest.h>

#include <cmath>

#include "weir/observe/exposition.h"

namespace weir::observe {
namespace {

TEST(MetricsPage, WhatAnExpositionWritesIsReadBack) {
  Exposition page;
  page.gauge("weir_bound_in_use", "Units held.", {{"bound", "in\"flight\\ \n{a,b=c}"}, {"unit", ""}}, 17);
  page.counter("weir_requests_total", "Requests.", {}, 12'345'678'901.0);
  page.gauge("weir_ratio", "A share.", {}, -0.125);
  const auto samples = parse_metrics(page.text());
  ASSERT_TRUE(samples) << samples.error();
  ASSERT_EQ(samples->size(), 3u);
  const auto named = [&](std::string_view name) {
    for (const Sample& sample : *samples) {
      if (sample.name == name) return sample;
    }
    return Sample{};
  };
  EXPECT_EQ(named("weir_bound_in_use").value, 17);
  EXPECT_EQ(named("weir_bound_in_use").label("bound"), "in\"flight\\ \n{a,b=c}");
  EXPECT_EQ(named("weir_bound_in_use").label("unit"), "");
  EXPECT_EQ(named("weir_requests_total").value, 12'345'678'901.0);
  EXPECT_EQ(named("weir_ratio").value, -0.125);
}

TEST(MetricsPage, CommentsBlanksAndTimestampsArePassedOver) {
  const auto samples = parse_metrics(
      "# HELP a Something.\n# TYPE a gauge\n\na{ x=\"1\" , y=\"2\", } \t+Inf 1395066363000\nb NaN\nc 1e3");
  ASSERT_TRUE(samples) << samples.error();
  ASSERT_EQ(samples->size(), 3u);
  EXPECT_TRUE(std::isinf((*samples)[0].value));
  EXPECT_EQ((*samples)[0].label("y"), "2");
  EXPECT_TRUE(std::isnan((*samples)[1].value));
  EXPECT_EQ((*samples)[2].value, 1000);
}

TEST(MetricsPage, WhatIsNoMetricIsRefusedWithItsLine) {
  for (const char* wrong : {"a", "a b", "a{x=\"1\" 1", "a{x=1} 1", "a{x=\"\\q\"} 1", "a{=\"1\"} 1", "{} 1",
                            "a{x=\"1", "a{x=\"1\",", "a 1.2.3"}) {
    const auto samples = parse_metrics("fine 1\n" + std::string(wrong));
    ASSERT_FALSE(samples) << wrong;
    EXPECT_EQ(samples.error(), "line 2 is no metric") << wrong;
  }
}

}  // namespace
}  // namespace weir::observe

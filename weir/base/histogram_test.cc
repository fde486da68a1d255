#include "weir/base/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>
#include <vector>

#include "weir/base/rng.h"

namespace weir {
namespace {

TEST(Histogram, IsAllZeroesWhileNothingWasRecorded) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.mean(), 0ns);
  EXPECT_EQ(histogram.min(), 0ns);
  EXPECT_EQ(histogram.max(), 0ns);
  EXPECT_EQ(histogram.quantile(0.99), 0ns);
}

TEST(Histogram, HasTheBucketsOfAnHdrHistogram) {
  using Layout = internal::HistogramLayout;
  EXPECT_EQ(Layout::index_of(0), 0u);
  EXPECT_EQ(Layout::index_of(511), 0u);
  EXPECT_EQ(Layout::index_of(512), 1u);
  EXPECT_EQ(Layout::index_of(2047 * 512), 2047u);
  EXPECT_EQ(Layout::index_of(2048 * 512), 2048u);
  EXPECT_EQ(Layout::index_of(2049 * 512), 2048u);
  EXPECT_EQ(Layout::index_of(2050 * 512), 2049u);
  for (std::size_t i = 0; i + 1 < Layout::kBuckets; ++i) {
    ASSERT_EQ(Layout::index_of(Layout::last_of(i)), i);
    ASSERT_EQ(Layout::index_of(Layout::last_of(i) + 1), i + 1);
  }
}

TEST(Histogram, QuantilesAreWithinAThousandthOfTheSortedValues) {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Xoshiro rng(seed);
    Histogram histogram;
    std::vector<Duration> values;
    for (int i = 0; i < 20'000; ++i) {
      // From 1 us to 1 h, as many in each decade.
      const Duration value(static_cast<Duration::rep>(1e3 * std::pow(3.6e9, uniform(rng))));
      values.push_back(value);
      histogram.record(value);
    }
    std::ranges::sort(values);
    for (const double q : {0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size())));
      const Duration exact = values[std::max<std::size_t>(rank, 1) - 1];
      EXPECT_GE(histogram.quantile(q), exact) << q;
      EXPECT_LE(histogram.quantile(q), exact + std::max(exact / 1000, Duration(512))) << q;
    }
  }
}

TEST(Histogram, MeanMinimumMaximumAndSumAreExact) {
  Histogram histogram;
  histogram.record(1ms);
  histogram.record(2ms);
  histogram.record(6ms + 3ns);
  EXPECT_EQ(histogram.mean(), 3ms + 1ns);
  EXPECT_EQ(histogram.min(), 1ms);
  EXPECT_EQ(histogram.max(), 6ms + 3ns);
  EXPECT_EQ(histogram.sum(), 9ms + 3ns);
}

TEST(Histogram, ValuesOutsideItsRangeCountAtItsEnds) {
  Histogram histogram;
  histogram.record(-1ms);
  histogram.record(100h);
  EXPECT_EQ(histogram.min(), 0ns);
  EXPECT_EQ(histogram.max(), 1h);
  EXPECT_EQ(histogram.quantile(1.0), 1h);
}

TEST(Histogram, CountsWhatIsAtMostAValue) {
  Histogram histogram;
  for (int i = 1; i <= 100; ++i) histogram.record(i * 1ms);
  EXPECT_EQ(histogram.count_at_most(-1ns), 0u);
  EXPECT_EQ(histogram.count_at_most(10ms), 10u);
  EXPECT_EQ(histogram.count_at_most(1h), 100u);
}

TEST(Histogram, MergingIsTheSameAsRecordingInOne) {
  Xoshiro rng(7);
  Histogram one;
  Histogram left;
  Histogram right;
  for (int i = 0; i < 10'000; ++i) {
    const Duration value = exponential(rng, 5ms);
    one.record(value);
    (i % 3 == 0 ? left : right).record(value);
  }
  left.merge(right);
  EXPECT_EQ(left.count(), one.count());
  EXPECT_EQ(left.mean(), one.mean());
  EXPECT_EQ(left.min(), one.min());
  EXPECT_EQ(left.max(), one.max());
  for (const double q : {0.1, 0.5, 0.9, 0.999}) EXPECT_EQ(left.quantile(q), one.quantile(q)) << q;
}

TEST(Histogram, ClearingForgetsEverything) {
  Histogram histogram;
  histogram.record(1ms);
  histogram.clear();
  EXPECT_EQ(histogram.count(), 0u);
  histogram.record(2ms);
  EXPECT_EQ(histogram.quantile(0), 2ms);
}

TEST(HistogramShards, WhatEachWriterRecordsIsInTheSnapshot) {
  constexpr unsigned kWriters = 4;
  constexpr int kRecords = 20'000;
  HistogramShards shards(kWriters);
  std::atomic<bool> done{false};
  std::thread reader([&] {
    std::uint64_t last = 0;
    while (!done.load()) {
      const std::uint64_t seen = shards.snapshot().count();
      EXPECT_GE(seen, last);
      last = seen;
    }
  });
  std::vector<std::thread> writers;
  for (unsigned shard = 0; shard < kWriters; ++shard) {
    writers.emplace_back([&shards, shard] {
      for (int i = 0; i < kRecords; ++i) shards.record(shard, (shard + 1) * 1ms);
    });
  }
  for (std::thread& writer : writers) writer.join();
  done.store(true);
  reader.join();
  const Histogram all = shards.snapshot();
  EXPECT_EQ(all.count(), kWriters * kRecords);
  EXPECT_EQ(all.min(), 1ms);
  EXPECT_EQ(all.max(), 4ms);
  EXPECT_EQ(all.mean(), 2500us);
  EXPECT_EQ(all.count_at_most(2ms), 2u * kRecords);
}

TEST(Histogram, ClearedItIsAsNew) {
  Histogram histogram;
  histogram.record(1ms);
  histogram.record(1h);
  histogram.clear();
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.max(), 0ns);
  histogram.record(2s);
  EXPECT_EQ(histogram.count_at_most(1h), 1u);
  EXPECT_EQ(histogram.min(), 2s);
}

TEST(Histogram, BucketsAreVisitedInOrderWithAllThatTheyHold) {
  Histogram histogram;
  histogram.record(3ms, 5);
  histogram.record(1us);
  histogram.record(1h, 2);
  std::vector<std::pair<Duration, std::uint64_t>> seen;
  histogram.for_each_bucket([&](Duration value, std::uint64_t count) { seen.emplace_back(value, count); });
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0].second, 1u);
  EXPECT_GE(seen[1].first, 3ms);
  EXPECT_LE(seen[1].first, 3003us);
  EXPECT_EQ(seen[1].second, 5u);
  EXPECT_EQ(seen[2].second, 2u);
  EXPECT_EQ(histogram.count(), 8u);
}

TEST(Histogram, MadeAgainOfItsPartsItIsTheSame) {
  Xoshiro rng(4);
  Histogram histogram;
  for (int i = 0; i < 5'000; ++i) histogram.record(exponential(rng, 30ms));
  const Histogram again(histogram.parts());
  EXPECT_EQ(again.count(), histogram.count());
  EXPECT_EQ(again.sum(), histogram.sum());
  EXPECT_EQ(again.min(), histogram.min());
  EXPECT_EQ(again.max(), histogram.max());
  for (const double q : {0.0, 0.5, 0.99, 0.9999, 1.0})
    EXPECT_EQ(again.quantile(q), histogram.quantile(q)) << q;
  EXPECT_EQ(Histogram(Histogram().parts()).count(), 0u);
}

}  // namespace
}  // namespace weir

#include "weir/load/load_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weir/base/rng.h"

namespace weir::load {
namespace {

using testing::HasSubstr;

// As a run might have left it, with something of everything.
LoadRecord made(std::uint64_t seed) {
  Xoshiro rng(seed);
  LoadRecord record{LoadResult(2)};
  record.url = "http://127.0.0.1:8080/\"x\"";
  record.plan = "100/s";
  record.command = "weir load -r 100 'http://...'";
  record.seed = seed;
  record.timely = 1ms;
  record.inflight_max = 64;
  record.groups = {{.label = "tenant", .name = "acme"}, {.label = "tenant", .name = "initech"}};
  LoadResult& result = record.result;
  result.planned = 12s;
  result.measured = 10s;
  result.connects = 7;
  result.cpu_s = 0.25;
  LoadCounts& counts = result.counts;
  LoadInterval interval{.at = 1s, .span = 1s, .due = 1000, .sent = 990, .not_sent = 10, .inflight = 3};
  Histogram all;
  for (int i = 0; i < 1000; ++i) {
    const Duration latency = exponential(rng, 5ms);
    const std::size_t of = rng.next() % kLoadClasses;
    counts.all.latency[of].record(latency);
    counts.groups[rng.next() % 2].latency[of].record(latency);
    counts.service.record(latency / 2);
    counts.lag.record(latency / 100);
    ++interval.ended[of];
    all.record(latency);
  }
  counts.sent = 990;
  counts.not_sent = 10;
  counts.timely = 980;
  counts.bytes_received = 12'345;
  counts.statuses[200] = 700;
  counts.statuses[503] = 200;
  counts.reasons[static_cast<std::size_t>(Reason::timed_out)] = 100;
  interval.p50 = all.quantile(0.5);
  interval.max = all.max();
  interval.buckets = all.parts().buckets;
  interval.good_buckets = counts.all.of(LoadClass::good).parts().buckets;
  interval.statuses = {{200, 700}, {503, 200}};
  interval.reasons = {{Reason::timed_out, 100}};
  result.intervals = {interval};
  return record;
}

LoadRecord read_again(const LoadRecord& record) {
  auto again = parse_record(to_json(record, Detail::all));
  EXPECT_TRUE(again) << again.error();
  return std::move(*again);
}

TEST(LoadRecord, ReadAgainItSaysTheSame) {
  const LoadRecord record = made(1);
  const LoadRecord again = read_again(record);
  EXPECT_EQ(to_json(again, Detail::all), to_json(record, Detail::all));
  EXPECT_EQ(again.result.counts.all.whole().quantile(0.99), record.result.counts.all.whole().quantile(0.99));
  EXPECT_EQ(again.result.counts.statuses, record.result.counts.statuses);
  EXPECT_EQ(again.groups, record.groups);
  EXPECT_EQ(again.result.intervals[0].good_buckets, record.result.intervals[0].good_buckets);
  EXPECT_EQ(again.verdict(), "inconclusive");
}

TEST(LoadRecord, TheSummaryLeavesTheHistogramsOut) {
  const LoadRecord record = made(1);
  EXPECT_THAT(to_json(record, Detail::summary), testing::Not(HasSubstr("buckets")));
  EXPECT_LT(to_json(record, Detail::summary).size(), to_json(record, Detail::all).size());
}

TEST(LoadRecord, TwoGeneratorsAddUpToWhatOneWouldHaveMeasured) {
  LoadRecord sum = made(1);
  const LoadRecord other = made(2);
  ASSERT_TRUE(add(sum, read_again(other)));
  EXPECT_EQ(sum.generators, 2u);
  EXPECT_EQ(sum.result.counts.sent, 1980u);
  EXPECT_EQ(sum.result.counts.statuses[503], 400u);
  EXPECT_EQ(sum.result.measured, 10s);
  Histogram both = made(1).result.counts.all.whole();
  both.merge(other.result.counts.all.whole());
  for (const double q : {0.5, 0.9, 0.99, 1.0}) {
    EXPECT_EQ(sum.result.counts.all.whole().quantile(q), both.quantile(q)) << q;
  }
  ASSERT_EQ(sum.result.intervals.size(), 1u);
  EXPECT_EQ(sum.result.intervals[0].sent, 1980u);
  EXPECT_EQ(sum.result.intervals[0].statuses[1], std::pair(503, std::uint64_t{400}));
  EXPECT_EQ(sum.result.intervals[0].reasons[0], std::pair(Reason::timed_out, std::uint64_t{200}));
  EXPECT_EQ(sum.result.intervals[0].p50, both.quantile(0.5));
}

TEST(LoadRecord, WhatIsNotOfOneRunIsNotAddedUp) {
  LoadRecord record = made(1);
  LoadRecord elsewhere = made(1);
  elsewhere.url = "http://127.0.0.1:9999/";
  EXPECT_THAT(add(record, elsewhere).error(), HasSubstr("is about http://127.0.0.1:9999/ and not"));
  LoadRecord closed = made(1);
  closed.open = false;
  EXPECT_THAT(add(record, closed).error(), HasSubstr("closed"));
  LoadRecord mixed = made(1);
  mixed.groups[0].name = "umbrella";
  EXPECT_THAT(add(record, mixed).error(), HasSubstr("another mix"));
}

TEST(LoadRecord, WhatIsNoRecordIsRefused) {
  const auto refusal = [](std::string json) {
    const auto record = parse_record(json);
    EXPECT_FALSE(record) << json;
    return record ? "" : record.error();
  };
  EXPECT_THAT(refusal(""), HasSubstr("is not what weir load --out writes"));
  EXPECT_THAT(refusal("{}"), HasSubstr("is not what weir load --out writes"));
  EXPECT_THAT(refusal("[1,2]"), HasSubstr("is not what weir load --out writes"));
  EXPECT_THAT(refusal("{\"format\":2}"), HasSubstr("format is not 1"));
  const std::string right = to_json(made(1), Detail::all);
  EXPECT_THAT(refusal(right.substr(0, right.size() / 2)), HasSubstr("is not what"));
  std::string strange = right;
  strange.replace(strange.find("\"timed_out\""), 11, "\"bad luck!\"");
  EXPECT_THAT(refusal(strange), HasSubstr("\"bad luck!\" is no reason"));
  EXPECT_THAT(refusal(to_json(made(1), Detail::summary)), HasSubstr("is not what"));
}

}  // namespace
}  // namespace weir::load

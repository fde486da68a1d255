#include "weir/load/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

#include "weir/base/rng.h"
#include "weir/load/internal/seconds.h"

namespace weir::load {
namespace {

using testing::Contains;
using testing::HasSubstr;

double normal(Rng& rng) {
  return std::sqrt(-2 * std::log1p(-uniform(rng))) * std::cos(2 * std::numbers::pi * uniform(rng));
}

// A server whose mood lasts: the logarithm of its mean latency is a first-order
// autoregressive series, and so is how many it answers in a second.
struct Server {
  double mean_ms = 10;
  double lasting = 0.5;  // how much of the mood is left a second later
  double moody = 0.15;   // standard deviation of the logarithm, within a run
  double between = 0;    // the same from run to run
  double refused = 0;    // share
  int seconds = 60;
  double per_second = 60;
};

LoadRecord run_of(const Server& server, std::uint64_t seed) {
  Xoshiro rng(seed);
  LoadRecord record{LoadResult(0)};
  record.url = "http://127.0.0.1:8080/";
  record.plan = "60/s";
  LoadCounts& counts = record.result.counts;
  const double of_this_run = server.between * normal(rng);
  double mood = normal(rng);
  LoadCounts now(0);
  for (int second = 1; second <= server.seconds; ++second) {
    mood = server.lasting * mood + std::sqrt(1 - server.lasting * server.lasting) * normal(rng);
    const double level = std::exp(server.moody * mood + of_this_run);
    now.clear();
    const auto answered = static_cast<int>(std::lround(server.per_second / level));
    for (int i = 0; i < answered; ++i) {
      const auto mean = Duration(std::llround(server.mean_ms * level * 1e6));
      const bool refused = uniform(rng) < server.refused;
      now.all.of(refused ? LoadClass::refused : LoadClass::good).record(exponential(rng, mean));
    }
    now.sent = now.timely = now.all.ended();
    counts.merge(now);
    LoadInterval interval{.at = second * 1s, .span = 1s, .due = now.sent, .sent = now.sent};
    interval.set_ended(now);
    record.result.intervals.push_back(std::move(interval));
  }
  record.result.planned = record.result.measured = server.seconds * 1s;
  return record;
}

std::vector<LoadRecord> runs_of(const Server& server, std::uint64_t seed, int count) {
  std::vector<LoadRecord> runs;
  for (int i = 0; i < count; ++i) runs.push_back(run_of(server, seed * 1000 + static_cast<std::uint64_t>(i)));
  return runs;
}

const Difference& find(const Comparison& comparison, std::string_view name) {
  const auto found = std::ranges::find(comparison.differences, name, &Difference::name);
  EXPECT_NE(found, comparison.differences.end()) << name;
  return *found;
}

// How often the intervals hold the true change, for each figure.
using Shares = std::map<std::string, double>;

Shares coverage(const Server& a, const Server& b, double change, int pairs, int runs) {
  Shares covered;
  for (int pair = 1; pair <= pairs; ++pair) {
    const auto seed = static_cast<std::uint64_t>(pair);
    const Comparison seen =
        compare(runs_of(a, 2 * seed, runs), runs_of(b, 2 * seed + 1, runs), {.seed = seed, .resamples = 100});
    for (const Difference& each : seen.differences) {
      const bool holds = each.interval && each.interval->low <= change && change <= each.interval->high;
      covered[each.name] += holds ? 1.0 / pairs : 0;
    }
  }
  return covered;
}

// 80 pairs: one binomial standard deviation is 0.024.
TEST(Comparison, IntervalsOfSingleRunsHoldTheTruthAsOftenAsTheySay) {
  const Server server;
  const Shares covered = coverage(server, server, 0, 80, 1);
  for (const char* name : {"good a second", "p50", "p90", "p99"}) {
    EXPECT_GE(covered.at(name), 0.88) << name;
    EXPECT_LE(covered.at(name), 0.995) << name;
  }
}

// What makes runs differ is in none of their seconds.
TEST(Comparison, WhatDiffersFromRunToRunIsSeenOnlyByRepeatingThem) {
  const Server server{.between = 0.2, .seconds = 20};
  const Shares repeated = coverage(server, server, 0, 50, 3);
  const Shares single = coverage(server, server, 0, 50, 1);
  for (const char* name : {"good a second", "p50", "p90"}) {
    EXPECT_GE(repeated.at(name), 0.88) << name;
    EXPECT_LE(single.at(name), 0.8) << name;
  }
}

TEST(Comparison, ATenthMoreLatencyIsToldFromChance) {
  const Server before{.moody = 0.05, .per_second = 150};
  Server after = before;
  after.mean_ms *= 1.1;
  int told = 0;
  int held = 0;
  for (std::uint64_t pair = 1; pair <= 20; ++pair) {
    const Comparison seen = compare(runs_of(before, 2 * pair, 1), runs_of(after, 2 * pair + 1, 1),
                                    {.seed = pair, .resamples = 200});
    const Difference& p50 = find(seen, "p50");
    ASSERT_TRUE(p50.interval) << p50.remark;
    told += p50.told_from_chance() && *p50.change > 0 ? 1 : 0;
    held += p50.interval->low <= 0.1 && 0.1 <= p50.interval->high ? 1 : 0;
  }
  EXPECT_GE(told, 13);
  EXPECT_GE(held, 17);
}

TEST(Comparison, RefusalsAreComparedBySubtraction) {
  const Comparison seen = compare(runs_of({}, 1, 1), runs_of({.refused = 0.2}, 2, 1), {});
  const Difference& refused = find(seen, "refused");
  EXPECT_EQ(refused.measure, Measure::share);
  EXPECT_EQ(refused.base, 0);
  EXPECT_NEAR(*refused.change, 0.2, 0.03);
  EXPECT_TRUE(refused.told_from_chance());
  // Nothing failed on either side: that is no difference, and known no better than to one request.
  const Difference& failed = find(seen, "failed");
  EXPECT_FALSE(failed.told_from_chance());
  EXPECT_GT(failed.interval->high, 0);
  EXPECT_GT(find(seen, "good p50").base, 0);
}

TEST(Comparison, TheSameSeedGivesTheSameIntervals) {
  const std::vector<LoadRecord> a = runs_of({}, 1, 1);
  const std::vector<LoadRecord> b = runs_of({}, 2, 1);
  const auto low = [&](std::uint64_t seed) {
    return find(compare(a, b, {.seed = seed}), "p90").interval->low;
  };
  EXPECT_EQ(low(1), low(1));
  EXPECT_NE(low(1), low(2));
}

TEST(Comparison, WhereNoIntervalCanBeGivenItSaysWhy) {
  const Comparison seen = compare(runs_of({}, 1, 1), runs_of({}, 2, 1), {});
  EXPECT_FALSE(find(seen, "max").interval);
  EXPECT_THAT(find(seen, "max").remark, HasSubstr("single run's maximum"));
  EXPECT_THAT(find(seen, "p99.9").remark, HasSubstr("too few requests: only 4 were slower"));
  const Comparison brief = compare(runs_of({.seconds = 5}, 1, 1), runs_of({}, 2, 1), {});
  EXPECT_THAT(find(brief, "p50").remark, HasSubstr("ten seconds at least"));
  EXPECT_THAT(brief.remarks, Contains(HasSubstr("Not the same length: 5s and 1m.")));
  EXPECT_TRUE(find(compare(runs_of({}, 1, 2), runs_of({}, 2, 2), {}), "max").interval);
  const Comparison nothing = compare(runs_of({.per_second = 0}, 1, 1), runs_of({}, 2, 1), {});
  EXPECT_EQ(find(nothing, "p50").remark, "nothing on one side");
  EXPECT_FALSE(find(nothing, "p50").change) << "there is no ratio to nothing";
  const Comparison dead = compare(runs_of({}, 2, 1), runs_of({.per_second = 0}, 1, 1), {});
  EXPECT_EQ(find(dead, "good a second").change, -1);
  EXPECT_FALSE(find(dead, "good a second").told_from_chance()) << "without an interval nothing is";
}

TEST(Comparison, WhatWasNotTheSameIsSaid) {
  std::vector<LoadRecord> other = runs_of({}, 2, 1);
  other[0].url = "http://127.0.0.1:9999/";
  other[0].plan = "90/s";
  other[0].groups = {{.label = "tenant", .name = "acme"}};
  other[0].result.counts.timely /= 2;
  const Comparison seen = compare(runs_of({}, 1, 1), other, {});
  EXPECT_TRUE(seen.inconclusive);
  EXPECT_THAT(seen.remarks, Contains("Not the same URL: http://127.0.0.1:8080/ and http://127.0.0.1:9999/."));
  EXPECT_THAT(seen.remarks, Contains("Not the same plan: 60/s and 90/s."));
  EXPECT_THAT(seen.remarks, Contains("Not the same mix of requests."));
  EXPECT_THAT(seen.remarks, Contains(HasSubstr("Run 1 of the second side is inconclusive")));
  const Comparison repeated = compare(runs_of({}, 1, 2), runs_of({}, 2, 2), {});
  EXPECT_FALSE(repeated.inconclusive);
  EXPECT_THAT(repeated.remarks, testing::IsEmpty());
}

TEST(BlockLength, FollowsHowTheSeriesHangsTogether) {
  const auto length = [](double lasting) {
    Xoshiro rng(1);
    std::vector<double> series;
    double value = 0;
    for (int i = 0; i < 600; ++i) series.push_back(value = lasting * value + normal(rng));
    return internal::block_length(series);
  };
  EXPECT_LT(length(0.0), 30);
  EXPECT_GT(length(0.95), 40);
  EXPECT_EQ(internal::block_length(std::vector<double>(100, 1.0)), 10);
}

}  // namespace
}  // namespace weir::load

#include "weir/load/knee.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>
#include <vector>

#include "weir/base/histogram.h"
#include "weir/base/rng.h"
#include "weir/base/units.h"

namespace weir::load {
namespace {

using Measure = std::function<RateOutcome(const KneeSearch::Probe&)>;

KneeSearch searched(const KneeSearch::Options& options, const Measure& measure) {
  KneeSearch search(options);
  while (const auto probe = search.next()) search.report(measure(*probe));
  return search;
}

// Keeps the objective up to a rate.
Measure up_to(double knee) {
  return [knee](const KneeSearch::Probe& probe) {
    return RateOutcome{.p99 = probe.rate <= knee ? 50ms : 500ms, .good_share = 1};
  };
}

// Servers in parallel, each exponential, with one queue for all: simulated
// exactly, from a generator of Poisson arrivals.
class Queue {
 public:
  Queue(unsigned servers, Duration mean, std::uint64_t seed) : servers_(servers), mean_(mean), rng_(seed) {}

  RateOutcome measure(const KneeSearch::Probe& probe) {
    std::priority_queue<Duration, std::vector<Duration>, std::greater<>> free;
    for (unsigned i = 0; i < servers_; ++i) free.push(Duration::zero());
    const Duration gap(static_cast<Duration::rep>(1e9 / probe.rate));
    Histogram latency;
    for (Duration at = exponential(rng_, gap); at < probe.length; at += exponential(rng_, gap)) {
      const Duration begin = std::max(at, free.top());
      free.pop();
      const Duration end = begin + exponential(rng_, mean_);
      free.push(end);
      latency.record(end - at);
    }
    return {.p50 = latency.quantile(0.5), .p99 = latency.quantile(0.99), .good_share = 1};
  }

  // The share of requests that take longer, by Erlang's formula.
  double tail(double rate, Duration limit) const {
    const double load = rate * seconds(mean_);
    const auto servers = static_cast<double>(servers_);
    double blocking = 1;
    for (unsigned i = 1; i <= servers_; ++i) blocking = load * blocking / (i + load * blocking);
    const double waits = blocking / (1 - load / servers * (1 - blocking));
    const double t = std::chrono::duration<double>(limit) / std::chrono::duration<double>(mean_);
    const double spare = servers - load;  // of the rate at which a wait ends, in service times
    const double other = spare == 1 ? t * std::exp(-t) : (std::exp(-t) - std::exp(-spare * t)) / (spare - 1);
    return (1 - waits) * std::exp(-t) + waits * (std::exp(-t) + other);
  }
  // The rate at which 1% take longer.
  double knee(Duration p99) const {
    double low = 0;
    double high = static_cast<double>(servers_) / seconds(mean_);
    for (int i = 0; i < 60; ++i) {
      const double middle = (low + high) / 2;
      (tail(middle, p99) <= 0.01 ? low : high) = middle;
    }
    return low;
  }

 private:
  const unsigned servers_;
  const Duration mean_;
  Xoshiro rng_;
};

TEST(KneeSearch, FindsARateWithinItsPrecisionAndConfirmsIt) {
  for (const double knee : {10.0, 11.0, 19.9, 777.0, 123'456.0}) {
    const KneeSearch search = searched({.from = 10, .precision = 0.02}, up_to(knee));
    EXPECT_EQ(search.ending(), KneeSearch::Ending::found);
    ASSERT_TRUE(search.knee());
    EXPECT_LE(*search.knee(), knee);
    EXPECT_GE(*search.knee(), knee / 1.02);
    EXPECT_TRUE(search.measured().back().probe.confirms);
    EXPECT_EQ(search.measured().back().probe.length, KneeSearch::Options().hold);
  }
}

TEST(KneeSearch, StartedTooHighItComesDown) {
  const KneeSearch search = searched({.from = 1000}, up_to(60));
  ASSERT_TRUE(search.knee());
  EXPECT_NEAR(*search.knee(), 60, 60 * 0.02);
  EXPECT_EQ(searched({.from = 1000, .lowest = 10}, up_to(1)).ending(), KneeSearch::Ending::never_kept);
}

TEST(KneeSearch, WhatIsKeptBrieflyAndNotForLongIsNotTheKnee) {
  // Below 100 for good, below 200 for a moment.
  const KneeSearch search = searched({.from = 10}, [](const KneeSearch::Probe& probe) {
    const double knee = probe.confirms ? 100 : 200;
    return RateOutcome{.p99 = probe.rate <= knee ? 50ms : 500ms, .good_share = 1};
  });
  EXPECT_EQ(search.ending(), KneeSearch::Ending::found);
  ASSERT_TRUE(search.knee());
  EXPECT_LE(*search.knee(), 100);
  EXPECT_GE(*search.knee(), 78);
}

TEST(KneeSearch, RefusalsAreTooMuchAsWell) {
  const KneeSearch search = searched({.from = 10}, [](const KneeSearch::Probe& probe) {
    return RateOutcome{.p99 = 1ms, .good_share = std::min(1.0, 300 / probe.rate)};
  });
  ASSERT_TRUE(search.knee());
  EXPECT_NEAR(*search.knee(), 300 / 0.99, 7);
}

TEST(KneeSearch, AGeneratorThatIsTooSlowEndsIt) {
  const KneeSearch search = searched({.from = 10}, [](const KneeSearch::Probe& probe) {
    return RateOutcome{.p99 = 1ms, .good_share = 1, .plan_held = probe.rate < 1000};
  });
  EXPECT_EQ(search.ending(), KneeSearch::Ending::generator);
  EXPECT_EQ(search.knee(), 640);
}

TEST(KneeSearch, AProbeInWhichTheGeneratorWasDisturbedIsMadeAgain) {
  // Every third probe is in vain, and looks as if the server had been too slow.
  int probes = 0;
  const KneeSearch search = searched({.from = 10, .precision = 0.02}, [&](const KneeSearch::Probe& probe) {
    if (++probes % 3 == 0) return RateOutcome{.p99 = 1h, .good_share = 1, .plan_held = false};
    return up_to(777)(probe);
  });
  EXPECT_EQ(search.ending(), KneeSearch::Ending::found);
  ASSERT_TRUE(search.knee());
  EXPECT_NEAR(*search.knee(), 777, 777 * 0.02);
}

TEST(KneeSearch, ItIsToldWhereWhatIsAboveTheKneeWasNotSentOnTimeEither) {
  const auto found = [](bool held_above) {
    return searched({.from = 10, .precision = 0.02}, [&](const KneeSearch::Probe& probe) {
      const bool kept = probe.rate <= 100;
      return RateOutcome{.p99 = kept ? 1ms : 1h, .good_share = 1, .plan_held = kept || held_above};
    });
  };
  EXPECT_EQ(found(false).ending(), KneeSearch::Ending::found);
  EXPECT_TRUE(found(false).may_be_higher());
  EXPECT_FALSE(found(true).may_be_higher());
}

TEST(KneeSearch, AServerThatIsFasterThanTheHighestRateIsSaidToBe) {
  const KneeSearch search = searched({.from = 10, .to = 5000}, up_to(1e9));
  EXPECT_EQ(search.ending(), KneeSearch::Ending::never_exceeded);
  EXPECT_EQ(search.knee(), 5000);
}

TEST(KneeSearch, OneThatNeverSettlesEnds) {
  const KneeSearch search = searched({.from = 10, .probes_max = 25}, [](const KneeSearch::Probe& probe) {
    return RateOutcome{.p99 = probe.confirms || probe.rate > 5000 ? 1h : 1ms, .good_share = 1};
  });
  EXPECT_TRUE(search.ending() == KneeSearch::Ending::probes_used_up ||
              search.ending() == KneeSearch::Ending::never_kept);
  EXPECT_FALSE(search.knee());
  EXPECT_LE(search.measured().size(), 25u);
}

TEST(KneeSearch, TheKneeOfAnMMcQueueIsWithinFivePerCent) {
  constexpr Duration kP99 = 200ms;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Queue queue(8, 20ms, seed);
    const double truth = queue.knee(kP99);
    EXPECT_NEAR(truth, 371, 5);  // of 400 in all
    const KneeSearch search =
        searched({.from = 20, .precision = 0.02, .step = 60s, .hold = 120s, .objective = {.p99 = kP99}},
                 [&](const KneeSearch::Probe& probe) { return queue.measure(probe); });
    ASSERT_TRUE(search.knee()) << "seed " << seed;
    EXPECT_NEAR(*search.knee() / truth, 1, 0.05) << "seed " << seed;
  }
}

}  // namespace
}  // namespace weir::load

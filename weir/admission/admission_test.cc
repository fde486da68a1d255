#include "weir/admission/admission.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <utility>

#include "weir/admission/fixed.h"
#include "weir/admission/internal/admission_rig.h"
#include "weir/admission/queue_codel.h"
#include "weir/admission/queue_fifo.h"
#include "weir/admission/queue_priority.h"
#include "weir/base/count_allocations.h"
#include "weir/base/rng.h"
#include "weir/base/sanitizers.h"
#include "weir/bounds/ledger.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::admission {
namespace {

constexpr TimePoint kNow(1h);

class AdmissionTest : public testing::Test {
 protected:
  Admission make() {
    return Admission({.guards = {&memory_},
                      .classes = {&class_},
                      .tenant_rate = &rate_,
                      .tenant_bound = &tenants_,
                      .caller_rate = &callers_,
                      .budget = budget_});
  }
  static Request request(std::string_view tenant = "t", std::string_view caller = {}) {
    return {.tenant = tenant, .caller = caller, .now = kNow};
  }
  std::uint64_t refused(Reason reason) const { return class_.stats().refused_for(reason); }

  bounds::Ledger ledger_;
  Guard memory_{"memory", Reason::memory_low, 5s};
  bounds::KeyedRate rate_{ledger_, {.name = "rate", .rate = {.units = 1, .per = 1h, .burst = 3}, .seed = 1}};
  bounds::KeyedBound tenants_{ledger_, {.name = "tenants", .limit = 2, .keys_max = 100, .seed = 1}};
  bounds::KeyedRate callers_{ledger_,
                             {.name = "callers", .rate = {.units = 1, .per = 1h, .burst = 1}, .seed = 1}};
  bounds::Budget* budget_ = nullptr;
  CostClass class_{ledger_,
                   {.name = "class", .limiter = std::make_unique<FixedLimiter>(4), .queue_depth = 0}};
};

TEST_F(AdmissionTest, AdmitsAndGivesBack) {
  const Admission admission = make();
  {
    Result<Admitted> admitted = admission.try_admit(request());
    ASSERT_TRUE(admitted);
    EXPECT_EQ(class_.stats().in_flight, 1u);
    EXPECT_EQ(tenants_.stats().in_use, 1u);
    Admitted moved = std::move(*admitted);
    EXPECT_FALSE(*admitted);
    EXPECT_EQ(class_.stats().in_flight, 1u);
    moved.complete();
    moved.complete(Outcome::dropped);
    EXPECT_EQ(class_.stats().in_flight, 0u);
  }
  const CostClass::Stats stats = class_.stats();
  EXPECT_EQ(stats.offered, 1u);
  EXPECT_EQ(stats.admitted, 1u);
  EXPECT_EQ(stats.good, 1u);
  EXPECT_EQ(stats.dropped, 0u);
  EXPECT_EQ(tenants_.stats().in_use, 0u);
}

TEST_F(AdmissionTest, ATierHasItsPartOfTheBudgetAndGivesItBack) {
  bounds::Budget budget(ledger_, {.name = "work",
                                  .limit = 2,
                                  .tiers = {{.name = "read", .guaranteed = 1, .borrows = false},
                                            {.name = "write", .guaranteed = 1, .lends = false}}});
  budget_ = &budget;
  const Admission admission = make();
  const Request read = request({});
  Request write = read;
  write.tier = 1;
  {
    const Result<Admitted> first = admission.try_admit(read);
    ASSERT_TRUE(first);
    const Result<Admitted> refusal = admission.try_admit(read);
    ASSERT_FALSE(refusal);
    EXPECT_EQ(refusal.error().where, "work.read");
    EXPECT_EQ(refusal.error().reason, Reason::at_limit);
    EXPECT_EQ(class_.stats().in_flight, 1u);
    EXPECT_TRUE(admission.try_admit(write));
  }
  EXPECT_TRUE(admission.try_admit(read));
  EXPECT_EQ(budget.stats(*budget.tier("read")).in_use, 0u);
  // Refused by its class: its tier has it back.
  class_.close();
  EXPECT_FALSE(admission.try_admit(write));
  EXPECT_EQ(budget.stats(*budget.tier("write")).in_use, 0u);
}

TEST_F(AdmissionTest, AGuardRefusesTheLevelsItNames) {
  const Admission admission = make();
  memory_.refuse_below(level_of(Criticality::high, 0));
  const Result<Admitted> low = admission.try_admit(request());
  ASSERT_FALSE(low);
  EXPECT_EQ(low.error().reason, Reason::memory_low);
  EXPECT_EQ(low.error().where, "memory");
  EXPECT_EQ(low.error().retry_after, 5s);
  Request high = request();
  high.priority = Criticality::critical;
  EXPECT_TRUE(admission.try_admit(high));
  EXPECT_EQ(refused(Reason::memory_low), 1u);
}

TEST_F(AdmissionTest, WhatIsTooLateIsNotStarted) {
  const Admission admission = make();
  Request late = request();
  late.deadline = kNow - 1ns;
  const Result<Admitted> refusal = admission.try_admit(late);
  ASSERT_FALSE(refusal);
  EXPECT_EQ(refusal.error().reason, Reason::expired);
  EXPECT_EQ(refusal.error().kind, ErrorKind::overloaded);
}

TEST_F(AdmissionTest, ALaterRefusalGivesBackEveryEarlierCharge) {
  const Admission admission = make();
  Result<Admitted> first = admission.try_admit(request("a", "caller"));
  ASSERT_TRUE(first);
  // Refused by the caller's rate: neither the tenant's rate nor its place is used.
  for (int i = 0; i < 5; ++i) {
    const Result<Admitted> refusal = admission.try_admit(request("a", "caller"));
    ASSERT_FALSE(refusal);
    EXPECT_EQ(refusal.error().where, "callers");
    EXPECT_EQ(refusal.error().reason, Reason::over_rate);
  }
  EXPECT_EQ(tenants_.stats().in_use, 1u);
  Result<Admitted> second = admission.try_admit(request("a"));
  ASSERT_TRUE(second);
  // Refused by the tenant's concurrency: its rate is given back.
  for (int i = 0; i < 5; ++i) {
    const Result<Admitted> refusal = admission.try_admit(request("a"));
    ASSERT_FALSE(refusal);
    EXPECT_EQ(refusal.error().where, "tenants");
  }
  // Refused by the class: all of it is.
  Result<Admitted> third = admission.try_admit(request("b"));
  Result<Admitted> fourth = admission.try_admit(request("b"));
  ASSERT_TRUE(third && fourth);
  for (int i = 0; i < 5; ++i) {
    const Result<Admitted> refusal = admission.try_admit(request("c", "another"));
    ASSERT_FALSE(refusal);
    EXPECT_EQ(refusal.error().where, "class");
    EXPECT_EQ(refusal.error().reason, Reason::at_limit);
  }
  third->complete();
  EXPECT_TRUE(admission.try_admit(request("c", "another")));
  second->complete();
  EXPECT_TRUE(admission.try_admit(request("a"))) << "the third of its burst";
  const Result<Admitted> refusal = admission.try_admit(request("a"));
  ASSERT_FALSE(refusal);
  EXPECT_EQ(refusal.error().where, "rate");
  const CostClass::Stats stats = class_.stats();
  EXPECT_EQ(stats.offered, stats.admitted + stats.refused_total());
}

TEST_F(AdmissionTest, ACostThatCanNeverBeHadIsInvalid) {
  const Admission admission = make();
  Request request{.cost = 5, .now = kNow};
  EXPECT_EQ(admission.try_admit(request).error().kind, ErrorKind::invalid);
  request.cost = 0;
  EXPECT_EQ(admission.try_admit(request).error().kind, ErrorKind::invalid);
  EXPECT_EQ(refused(Reason::too_large), 2u);
}

TEST_F(AdmissionTest, OutcomesAreToldApart) {
  const Admission admission = make();
  for (const Outcome outcome : {Outcome::completed, Outcome::dropped, Outcome::abandoned}) {
    Result<Admitted> admitted = admission.try_admit({.now = core::now()});
    ASSERT_TRUE(admitted);
    admitted->complete(outcome);
  }
  const CostClass::Stats stats = class_.stats();
  EXPECT_EQ(stats.good, 1u);
  EXPECT_EQ(stats.dropped, 1u);
  EXPECT_EQ(stats.wasted, 1u);
}

TEST_F(AdmissionTest, ALimitMovesWhileItRuns) {
  const Admission admission = make();
  Result<Admitted> held = admission.try_admit({.now = kNow});
  class_.set_limiter(std::make_unique<FixedLimiter>(1));
  EXPECT_EQ(class_.stats().limit, 1u);
  EXPECT_FALSE(admission.try_admit({.now = kNow}));
  class_.set_limiter(std::make_unique<FixedLimiter>(2));
  EXPECT_TRUE(admission.try_admit({.now = kNow}));
  class_.close();
  EXPECT_EQ(admission.try_admit({.now = kNow}).error().reason, Reason::draining);
}

TEST_F(AdmissionTest, TakesNoMemoryToAdmitOrRefuse) {
  if (kSanitized) GTEST_SKIP() << "sanitizers have an operator new of their own";
  bounds::KeyedRate wide(ledger_,
                         {.name = "wide", .rate = {.units = 1'000'000, .per = 1s, .burst = 1'000'000}});
  const Admission admission(
      {.guards = {&memory_}, .classes = {&class_}, .tenant_rate = &wide, .tenant_bound = &tenants_});
  static_cast<void>(admission.try_admit(request()));  // a key that is new is copied
  const std::uint64_t before = allocations;
  for (int i = 0; i < 1000; ++i) {
    Result<Admitted> one = admission.try_admit(request());
    Result<Admitted> other = admission.try_admit(request());
    const Result<Admitted> refused = admission.try_admit(request());
    ASSERT_TRUE(one && other && !refused);
  }
  EXPECT_EQ(allocations, before);
}

// What waits takes none either, apart from its task's frame.
TEST(AdmissionQueue, WaitingTakesNoMemory) {
  if (kSanitized) GTEST_SKIP() << "frames come from operator new there";
  core::Simulation simulation({.seed = 1});
  core::Runtime runtime({.processors = 1, .simulation = &simulation});
  bounds::Ledger ledger;
  CostClass of(ledger, {.name = "class", .limiter = std::make_unique<FixedLimiter>(1), .queue_wait = 10ms});
  const Admission admission({.classes = {&of}});
  std::uint64_t taken = 0;
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    const Result<Admitted> held = co_await admission.admit(root.context(), {.now = core::now()});
    EXPECT_TRUE(held);
    for (int i = 0; i < 10; ++i) {
      const std::uint64_t before = allocations;
      const Result<Admitted> waited = co_await admission.admit(root.context(), {.now = core::now()});
      EXPECT_FALSE(waited);
      EXPECT_EQ(waited.error().reason, Reason::queue_wait);
      if (i > 2) taken += allocations - before;
    }
  }));
  EXPECT_EQ(taken, 0u);
  EXPECT_EQ(of.stats().refused_for(Reason::queue_wait), 10u);
}

TEST(AdmissionQueue, ItsCancelledCallerIsNoRefusalAndGivesBackWhatItHad) {
  core::Simulation simulation({.seed = 1});
  core::Runtime runtime({.processors = 1, .simulation = &simulation});
  bounds::Ledger ledger;
  bounds::KeyedBound tenants(ledger, {.name = "tenants", .limit = 5, .keys_max = 10});
  CostClass of(ledger, {.name = "class", .limiter = std::make_unique<FixedLimiter>(1), .queue_wait = 1s});
  const Admission admission({.classes = {&of}, .tenant_bound = &tenants});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    const Result<Admitted> held =
        co_await admission.admit(root.context(), {.tenant = "t", .now = core::now()});
    core::Context impatient(root.context(), core::now() + 5ms);
    const Result<Admitted> waited = co_await admission.admit(impatient, {.tenant = "t", .now = core::now()});
    EXPECT_FALSE(waited);
    EXPECT_EQ(tenants.stats().in_use, 1u);
  }));
  EXPECT_EQ(tenants.stats().in_use, 0u);
  const CostClass::Stats stats = of.stats();
  EXPECT_EQ(stats.offered, stats.admitted + stats.refused_total() + stats.abandoned);
}

// Any load, any service, any queue: nothing is lost, nothing stuck. Ten blocks of
// seeds; WEIR_SEEDS says how many in all.
class AnyLoad : public testing::TestWithParam<std::uint64_t> {};

internal::RigPlan random_plan(std::uint64_t seed) {
  Xoshiro rng(seed);
  const auto log_uniform = [&rng](double low, double high) {
    return low * std::pow(high / low, uniform(rng));
  };
  const auto span = [](double seconds) { return Duration(static_cast<Duration::rep>(1e9 * seconds)); };
  internal::RigPlan plan;
  plan.seed = seed;
  plan.servers = static_cast<std::uint32_t>(log_uniform(1, 20));
  plan.exponential = below(rng, 2) == 0;
  const double service = log_uniform(100e-6, 100e-3);
  plan.service = span(service);
  const double capacity = plan.servers / service;
  const Duration length = span(60 / capacity);
  for (std::uint64_t i = below(rng, 3) + 1; i-- > 0;) {
    plan.streams.push_back(
        {.priority = static_cast<Criticality>(below(rng, kClasses)),
         .rate = capacity * log_uniform(0.1, 3),
         .to = length,
         .tenants = static_cast<std::uint32_t>(1 + below(rng, 10)),
         .cost = static_cast<std::uint32_t>(1 + below(rng, 2)),
         .patience = below(rng, 2) == 0 ? Duration() : span(service * log_uniform(0.5, 20)),
         .gives_up = below(rng, 3) == 0 ? span(service * log_uniform(0.5, 5)) : Duration()});
  }
  const auto kind = below(rng, 4);
  plan.queue = [kind]() -> std::shared_ptr<core::WaitOrder> {
    if (kind == 0) return std::make_shared<FifoQueue>();
    if (kind == 1) return std::make_shared<CodelQueue>();
    if (kind == 2) return std::make_shared<PriorityQueue>();
    return nullptr;
  };
  plan.queue_depth = static_cast<std::uint32_t>(below(rng, 30));
  plan.queue_wait = span(service * log_uniform(0.3, 10));
  plan.processors = static_cast<std::uint32_t>(1 + below(rng, 2));
  return plan;
}

TEST_P(AnyLoad, IsAdmittedRefusedOrAbandonedExactlyOnce) {
  const char* text = std::getenv("WEIR_SEEDS");
  const std::uint64_t seeds = text != nullptr ? std::strtoull(text, nullptr, 10) / 10
                              : kSanitized    ? 20
                                              : 1000;
  for (std::uint64_t seed = GetParam() * seeds; seed < (GetParam() + 1) * seeds; ++seed) {
    const internal::RigRecord record = internal::run(random_plan(seed));
    const CostClass::Stats& s = record.stats;
    ASSERT_TRUE(record.ended) << "seed " << seed;
    ASSERT_EQ(s.offered, record.outcomes.size()) << "seed " << seed;
    ASSERT_EQ(s.offered, s.admitted + s.refused_total() + s.abandoned) << "seed " << seed;
    ASSERT_EQ(s.in_flight + s.queued, 0u) << "seed " << seed;
    ASSERT_GE(s.limit, 1u) << "seed " << seed;
    for (const internal::RigOutcome& each : record.outcomes) ASSERT_NE(each.end, internal::End::pending);
  }
}
INSTANTIATE_TEST_SUITE_P(Blocks, AnyLoad, testing::Range<std::uint64_t>(0, 10));

}  // namespace
}  // namespace weir::admission

// The decision under everything at once, on real processors: queues, deadlines,
// cancellation, outcomes of every kind, limits that move. Nothing is lost, and no
// limit is exceeded at any instant.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "weir/admission/admission.h"
#include "weir/admission/fixed.h"
#include "weir/base/rng.h"
#include "weir/bounds/ledger.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

namespace weir::admission {
namespace {

constexpr std::uint32_t kLimit = 8;

Duration span() {
  const char* text = std::getenv("WEIR_STRESS_SECONDS");
  return text == nullptr ? Duration(1s) : std::strtol(text, nullptr, 10) * Duration(1s);
}

class Crowd {
 public:
  explicit Crowd(unsigned processors) : runtime_({.processors = processors}) {}

  void run() {
    EXPECT_TRUE(runtime_.run([this](core::Scope& root) -> core::task<> {
      for (std::uint64_t i = 0; i < 48; ++i) {
        root.spawn(std::move(tasks_.try_acquire().value()), ask(root.context(), i));
      }
      root.spawn(std::move(tasks_.try_acquire().value()), move_limit(root.context()));
      co_return;
    }));
    const CostClass::Stats stats = class_.stats();
    EXPECT_EQ(stats.offered, asked_.load());
    EXPECT_EQ(stats.offered, stats.admitted + stats.refused_total() + stats.abandoned);
    EXPECT_EQ(stats.admitted, admitted_.load());
    EXPECT_EQ(stats.in_flight + stats.queued, 0u);
    EXPECT_EQ(tenants_.stats().in_use, 0u);
    EXPECT_EQ(overshoots_.load(), 0u);
    EXPECT_GT(admitted_.load(), 100u);
  }

 private:
  core::task<> move_limit(core::Context& context) {
    for (std::uint32_t i = 0; core::now() < end_; ++i) {
      class_.set_limiter(std::make_unique<FixedLimiter>(1 + i % kLimit));
      static_cast<void>(co_await core::sleep_for(context, 200us));
    }
  }

  core::task<> ask(core::Context& parent, std::uint64_t number) {
    Xoshiro rng(number);
    while (core::now() < end_) {
      core::Context context(parent,
                            core::now() + Duration(static_cast<Duration::rep>(below(rng, 2'000'000))));
      const std::string tenant = "t" + std::to_string(number % 5);
      ++asked_;
      Result<Admitted> admitted =
          co_await admission_.admit(context, {.tenant = tenant,
                                              .priority = static_cast<Criticality>(below(rng, kClasses)),
                                              .cost = static_cast<std::uint32_t>(1 + below(rng, 2)),
                                              .now = core::now()});
      if (!admitted) {
        co_await core::yield();
        continue;
      }
      ++admitted_;
      if (class_.bound().in_use() > kLimit) ++overshoots_;
      if (below(rng, 2) == 0) {
        co_await core::yield();
      } else {
        static_cast<void>(co_await core::sleep_for(parent, 100us));
      }
      if (below(rng, 2) == 0) admitted->complete(static_cast<Outcome>(below(rng, 3)));
    }
  }

  const TimePoint end_ = SystemClock::read() + span();
  core::Runtime runtime_;
  core::Limit tasks_{{.name = "tasks", .limit = 1000}};
  bounds::Ledger ledger_;
  bounds::KeyedBound tenants_{ledger_, {.name = "tenants", .limit = 6, .keys_max = 100}};
  CostClass class_{ledger_,
                   {.name = "class",
                    .limiter = std::make_unique<FixedLimiter>(kLimit),
                    .queue_depth = 20,
                    .queue_wait = 1ms,
                    .shards = 4}};
  const Admission admission_{{.classes = {&class_}, .tenant_bound = &tenants_}};
  std::atomic<std::uint64_t> asked_{0};
  std::atomic<std::uint64_t> admitted_{0};
  std::atomic<std::uint64_t> overshoots_{0};
};

TEST(AdmissionStress, LosesNothingOnOneProcessor) { Crowd(1).run(); }
TEST(AdmissionStress, LosesNothingOnFour) { Crowd(4).run(); }

}  // namespace
}  // namespace weir::admission

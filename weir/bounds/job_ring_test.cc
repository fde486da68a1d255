#include "weir/bounds/internal/job_ring.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

namespace weir::bounds::internal {
namespace {

core::task<> nothing() { co_return; }

constexpr TimePoint at(std::int64_t i) { return TimePoint(Duration(i)); }

TEST(JobRing, GivesJobsBackInTheOrderTheyCame) {
  JobRing ring(3);
  for (int lap = 0; lap < 5; ++lap) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ring.push(at(i), nothing).pushed, JobRing::Pushed::yes);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ring.pop()->queued_at, at(i));
    EXPECT_FALSE(ring.pop().has_value());
  }
}

TEST(JobRing, HoldsExactlyItsCapacityAndMakesNoJobBeyondIt) {
  JobRing ring(5);  // not a power of two
  for (std::uint32_t i = 1; i <= 5; ++i) EXPECT_EQ(ring.push(at(0), nothing).depth, i);
  bool made = false;
  const auto make = [&made] {
    made = true;
    return nothing();
  };
  EXPECT_EQ(ring.push(at(0), make).pushed, JobRing::Pushed::full);
  EXPECT_FALSE(made);
  EXPECT_EQ(ring.depth(), 5u);
  EXPECT_TRUE(ring.pop().has_value());
  EXPECT_EQ(ring.push(at(0), make).pushed, JobRing::Pushed::yes);
  EXPECT_TRUE(made);
}

TEST(JobRing, RefusesWhenClosedAndStillGivesBackWhatItHolds) {
  JobRing ring(2);
  EXPECT_EQ(ring.push(at(1), nothing).pushed, JobRing::Pushed::yes);
  ring.close();
  EXPECT_TRUE(ring.closed());
  EXPECT_EQ(ring.push(at(2), nothing).pushed, JobRing::Pushed::closed);
  EXPECT_EQ(ring.depth(), 1u);
  EXPECT_TRUE(ring.pop().has_value());
  EXPECT_FALSE(ring.pop().has_value());
  EXPECT_EQ(ring.depth(), 0u);
}

TEST(JobRing, PassesOverAPlaceForWhichNothingWasMade) {
  JobRing ring(4);
  EXPECT_THROW((void)ring.push(at(1), []() -> core::task<> { throw std::runtime_error("no"); }),
               std::runtime_error);
  EXPECT_EQ(ring.push(at(2), []() -> std::optional<core::task<>> { return std::nullopt; }).pushed,
            JobRing::Pushed::yes);
  EXPECT_EQ(ring.push(at(3), nothing).pushed, JobRing::Pushed::yes);
  EXPECT_EQ(ring.pop()->queued_at, at(3));
  EXPECT_FALSE(ring.pop().has_value());
}

class JobRingStress : public testing::TestWithParam<std::uint32_t> {};

TEST_P(JobRingStress, LosesAndDoublesNothingBetweenManyThreads) {
  constexpr int kProducers = 2;
  constexpr int kConsumers = 2;
  constexpr std::int64_t kJobs = 20'000;
  const std::uint32_t capacity = GetParam();
  JobRing ring(capacity);
  std::array<std::atomic<int>, kProducers * kJobs> seen{};
  std::atomic<std::int64_t> popped{0};
  std::vector<std::thread> threads;
  for (std::int64_t p = 0; p < kProducers; ++p) {
    threads.emplace_back([&, p] {
      for (std::int64_t i = 0; i < kJobs; ++i) {
        while (ring.push(at(p * kJobs + i), nothing).pushed != JobRing::Pushed::yes)
          std::this_thread::yield();
        EXPECT_LE(ring.depth(), capacity);
      }
    });
  }
  for (int c = 0; c < kConsumers; ++c) {
    threads.emplace_back([&] {
      std::array<std::int64_t, kProducers> last{-1, -1};
      while (popped.load() < kProducers * kJobs) {
        const std::optional<Job> job = ring.pop();
        if (!job) {
          std::this_thread::yield();
          continue;
        }
        const std::int64_t number = job->queued_at.time_since_epoch().count();
        const auto producer = static_cast<std::size_t>(number / kJobs);
        EXPECT_GT(number, last[producer]) << "a consumer sees a producer's jobs in order";
        last[producer] = number;
        seen[static_cast<std::size_t>(number)].fetch_add(1);
        popped.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::atomic<int>& count : seen) ASSERT_EQ(count.load(), 1);
  EXPECT_EQ(ring.depth(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Capacities, JobRingStress, testing::Values(1, 2, 7, 64));

}  // namespace
}  // namespace weir::bounds::internal

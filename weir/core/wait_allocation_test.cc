// Waiting allocates nothing: every operator new of this test program goes
// through the counter below.
//
// In sanitizer builds each coroutine's frame comes from operator new, and the
// thread sanitizer has one of its own: the tests are skipped there.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "weir/base/count_allocations.h"
#include "weir/base/sanitizers.h"
#include "weir/core/channel.h"
#include "weir/core/event.h"
#include "weir/core/internal/testing.h"
#include "weir/core/mutex.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/select.h"
#include "weir/core/semaphore.h"
#include "weir/core/shared_mutex.h"
#include "weir/core/sleep.h"

namespace weir::core {
namespace {

using internal::Spawner;

constexpr int kTimes = 1000;

// Two tasks that wait for one another, or for one thing, kTimes each; what they
// allocate once they have begun. `step(context, who)` is one time, who 0 or 1.
class WaitAllocations : public ::testing::Test {
 protected:
  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "frames come from operator new, or that is the sanitizer's own";
  }

  template <typename Step>
  std::uint64_t taken_by(Step step) {
    Runtime runtime({.processors = 1});
    std::uint64_t taken = 1;
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      // The first round fills the slabs of frames.
      for (int round = 0; round < 2; ++round) {
        const std::uint64_t before = allocations;
        EXPECT_TRUE(co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
          for (int who = 0; who < 2; ++who) spawn_(scope, repeat(scope.context(), step, who));
          co_return;
        }));
        taken = allocations - before;
      }
    }));
    return taken;
  }

  template <typename Step>
  static task<> repeat(Context& context, Step& step, int who) {
    for (int i = 0; i < kTimes; ++i) co_await step(context, who);
  }

  Spawner spawn_;
};

TEST_F(WaitAllocations, AreCounted) {
  const std::uint64_t before = allocations;
  const auto one = std::make_unique<int>(1);
  EXPECT_EQ(allocations, before + 1);
}

TEST_F(WaitAllocations, AMutexTakesNoneWhetherItIsFreeOrAwaited) {
  Mutex mutex;
  EXPECT_EQ(taken_by([&](Context& context, int) -> task<> {
              const Result<Mutex::Guard> guard = co_await mutex.lock(context);
              EXPECT_TRUE(guard);
              co_await yield();
            }),
            0u);
}

TEST_F(WaitAllocations, ASharedMutexTakesNone) {
  SharedMutex mutex;
  EXPECT_EQ(taken_by([&](Context& context, int who) -> task<> {
              const Result<SharedMutex::Guard> guard =
                  who == 0 ? co_await mutex.lock(context) : co_await mutex.lock_shared(context);
              EXPECT_TRUE(guard);
              co_await yield();
            }),
            0u);
}

TEST_F(WaitAllocations, ASemaphoreTakesNone) {
  Semaphore semaphore({.units = 3, .waiters_max = 10});
  EXPECT_EQ(taken_by([&](Context& context, int) -> task<> {
              EXPECT_TRUE(co_await semaphore.acquire(context, 2));
              co_await yield();
              semaphore.release(2);
            }),
            0u);
}

TEST_F(WaitAllocations, AnEventTakesNone) {
  Event event;
  EXPECT_EQ(taken_by([&](Context& context, int who) -> task<> {
              if (who == 0) {
                event.set();
                co_await yield();
                event.reset();
                co_await yield();
              } else {
                (void)co_await event.wait(context, now() + 1us);
              }
            }),
            0u);
}

TEST_F(WaitAllocations, AChannelTakesNoneOnceItIsMade) {
  for (const std::uint32_t capacity : {0u, 1u, 16u}) {
    SCOPED_TRACE("capacity " + std::to_string(capacity));
    Channel<int> channel({.capacity = capacity});
    EXPECT_EQ(taken_by([&](Context& context, int who) -> task<> {
                if (who == 0) {
                  EXPECT_TRUE(co_await channel.send(context, 1));
                } else {
                  EXPECT_TRUE(co_await channel.receive(context));
                }
              }),
              0u);
  }
}

TEST_F(WaitAllocations, ASelectTakesNoneWhetherItWaitsOrNot) {
  Channel<int> waited({.capacity = 0});
  Channel<int> stored({.capacity = 1});
  EXPECT_EQ(taken_by([&](Context& context, int who) -> task<> {
              if (who == 0) {
                EXPECT_TRUE(co_await waited.send(context, 1));
                EXPECT_TRUE(co_await stored.send(context, 2));
              } else {
                for (int i = 0; i < 2; ++i) {
                  EXPECT_TRUE(co_await select(context, waited.on_receive(), stored.on_receive(), after(1h)));
                }
              }
            }),
            0u);
}

TEST_F(WaitAllocations, TimersAndGivingWayTakeNone) {
  Event never;
  EXPECT_EQ(taken_by([&](Context& context, int who) -> task<> {
              co_await yield();
              if (who == 0) {
                EXPECT_TRUE(co_await sleep_for(context, 1us));
              } else {
                EXPECT_FALSE(co_await never.wait(context, now() + 1us));
              }
            }),
            0u);
}

}  // namespace
}  // namespace weir::core

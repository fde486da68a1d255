// Interleavings that once lost a wake-up, step by step. They need the places of
// shake.h, so they are tests of the shaken build only (tests/stress).
#ifdef WEIR_SHAKE

#include <gtest/gtest.h>

#include <atomic>
#include <string_view>
#include <thread>

#include "weir/core/internal/shake.h"
#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"

namespace weir::core::internal {
namespace {

// How far the story has come: threads wait for the chapter that is theirs.
std::atomic<int> chapter;
std::atomic<int> parks;          // times that a processor was about to sleep
thread_local bool held = false;  // this thread stops at the places of the story

void wait_for(int number) {
  while (chapter.load() < number) std::this_thread::yield();
}

void wait_for_park_after(int before) {
  while (parks.load() == before) std::this_thread::yield();
}

class Interleaving : public ::testing::Test {
 protected:
  static void tell(ShakeHook hook) {
    chapter = 0;
    parks = 0;
    shake_hook = hook;
  }
  ~Interleaving() override { shake_hook = nullptr; }

  Watchdog watchdog_{"an interleaving", 20s};
  Spawner spawn_;
};

// Suspends, and leaves it to others to go on.
struct LeaveTo {
  std::atomic<Runnable*>& place;

  bool await_ready() const { return false; }
  void await_suspend(TaskHandle task) { place = &task.runnable(); }
  void await_resume() const {}
};

// A waker found the list of sleepers empty: until it says that it does not look
// for work after all, it counts as one that does, and others rely on it.
TEST_F(Interleaving, AWakerThatFindsNobodyAsleepTakesOverTheWakeUpsThatReliedOnIt) {
  tell([](const char* place) {
    const std::string_view where(place);
    if (where == "park") parks.fetch_add(1);
    if (!held) return;
    if (where == "wake_one: somebody sleeps" && chapter == 0) {
      chapter = 1;
      wait_for(2);
    } else if (where == "wake_one: nobody sleeps") {
      chapter = 3;
      wait_for(4);
    }
  });
  Runtime runtime({.processors = 1});
  std::atomic<Runnable*> first{nullptr};
  Baton second;
  Baton third;
  std::jthread story;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const auto leave = [](std::atomic<Runnable*>& place) -> task<> { co_await LeaveTo{place}; };
    const auto keep_busy = [](Context& context, Baton& baton) -> task<> {
      EXPECT_TRUE(co_await baton.wait(context));
      chapter = 2;
      wait_for(3);
    };
    const auto wait = [](Context& context, Baton& baton) -> task<> {
      EXPECT_TRUE(co_await baton.wait(context));
    };
    spawn_(root, leave(first));
    spawn_(root, keep_busy(root.context(), second));
    spawn_(root, wait(root.context(), third));
    story = std::jthread([&] {
      wait_for_park_after(0);
      std::jthread waker([&] {
        held = true;
        runtime.ready(*first.load());
      });
      wait_for(1);
      second.post();  // the processor wakes, runs both, and is kept busy
      wait_for(3);    // the waker has found nobody asleep
      wait_for_park_after(1);
      third.post();  // somebody sleeps, and somebody seems to look for work
      chapter = 4;
    });
    co_return;
  }));
}

// A processor has taken tasks from the global queue and not put them into its
// own yet: one that goes to sleep now sees them nowhere.
TEST_F(Interleaving, TasksOnTheWayToALocalQueueAreNotForgottenByOneThatFallsAsleep) {
  static std::atomic<unsigned> taker{~0u};
  tell([](const char* place) {
    const std::string_view where(place);
    if (where == "park") parks.fetch_add(1);
    if (where == "take_global: taken" && chapter == 1 && Runtime::current_processor() == taker) {
      chapter = 2;
      wait_for(3);
    }
  });
  Runtime runtime({.processors = 2});
  std::array<Baton, 2> batons;
  std::atomic<int> busy{0};
  std::atomic<int> met{0};
  std::jthread story;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const auto meet = [](Context& context, Baton& baton, std::atomic<int>& count) -> task<> {
      EXPECT_TRUE(co_await baton.wait(context));
      count.fetch_add(1);
      while (count.load() < 2) std::this_thread::yield();
    };
    const auto keep_busy = [](std::atomic<int>& count, int until) -> task<> {
      if (until == 1) taker = Runtime::current_processor();
      count.fetch_add(1);
      wait_for(until);
      co_return;
    };
    for (Baton& baton : batons) spawn_(root, meet(root.context(), baton, met));
    co_await settle();
    spawn_(root, keep_busy(busy, 1));
    spawn_(root, keep_busy(busy, 2));
    story = std::jthread([&] {
      while (busy.load() < 2) std::this_thread::yield();
      for (Baton& baton : batons) baton.post();  // nobody sleeps: nobody is woken
      const int before = parks.load();
      chapter = 1;  // the taker takes both; then the other finds nothing
      wait_for_park_after(before);
      chapter = 3;
    });
    co_return;
  }));
}

}  // namespace
}  // namespace weir::core::internal

#endif

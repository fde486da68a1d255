#include "weir/core/select.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "weir/core/channel.h"
#include "weir/core/event.h"
#include "weir/core/internal/testing.h"
#include "weir/core/mutex.h"
#include "weir/core/runtime.h"
#include "weir/core/semaphore.h"
#include "weir/core/simulation.h"
#include "weir/core/wait_group.h"

namespace weir::core {
namespace {

using internal::ManualClock;
using internal::settle;
using internal::Spawner;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Gt;

class SelectTest : public ::testing::Test {
 protected:
  template <typename Body>
  void run(Body body) {
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> { co_await body(root); }));
  }

  // The index of the case that took effect in `chosen`, or the error.
  static task<> receive_either(Context& context, Channel<int>& left, Channel<int>& right,
                               std::vector<std::pair<std::size_t, int>>& taken, std::vector<Error>& failed,
                               TimePoint deadline = kNever) {
    const auto chosen = co_await select_until(context, deadline, left.on_receive(), right.on_receive());
    if (!chosen) {
      failed.push_back(chosen.error());
    } else if (const Result<int>* from_left = std::get_if<0>(&*chosen)) {
      taken.emplace_back(0, from_left->value());
    } else {
      taken.emplace_back(1, std::get<1>(*chosen).value());
    }
  }

  ManualClock clock_;
  Runtime runtime_{{.processors = 1, .clock = &clock_}};
  Spawner spawn_;
  std::vector<std::pair<std::size_t, int>> taken_;
  std::vector<Error> failed_;
};

TEST_F(SelectTest, TakesTheOneThatIsReadyAndLeavesTheOthersAlone) {
  run([&](Scope& root) -> task<> {
    Channel<int> empty({.capacity = 1});
    Channel<int> filled({.capacity = 2});
    EXPECT_TRUE(filled.try_send(1));
    for (int i = 0; i < 20; ++i) {
      const auto chosen = co_await select(root.context(), empty.on_receive(), filled.on_receive());
      EXPECT_EQ(chosen->index(), 1u);
      EXPECT_EQ(std::get<1>(*chosen).value(), 1);
      EXPECT_TRUE(filled.try_send(1));
    }
    EXPECT_EQ(empty.waiters() + filled.waiters(), 0u);
    EXPECT_EQ(filled.size(), 1u);
  });
}

TEST_F(SelectTest, TakesEachOfThoseThatAreReadyNowAndThen) {
  run([&](Scope& root) -> task<> {
    std::array<Channel<int>, 3> channels{Channel<int>({.capacity = 1}), Channel<int>({.capacity = 1}),
                                         Channel<int>({.capacity = 1})};
    for (auto& channel : channels) EXPECT_TRUE(channel.try_send(0));
    std::array<int, 3> taken{};
    for (int i = 0; i < 300; ++i) {
      const auto chosen = co_await select(root.context(), channels[0].on_receive(), channels[1].on_receive(),
                                          channels[2].on_receive());
      ++taken[chosen->index()];
      EXPECT_TRUE(channels[chosen->index()].try_send(0));
    }
    EXPECT_THAT(taken, Each(Gt(50)));
  });
}

TEST_F(SelectTest, WaitsForTheFirstAndOneValueIsTakenOnce) {
  run([&](Scope& root) -> task<> {
    Channel<int> left({});
    Channel<int> right({.capacity = 3});
    spawn_(root, receive_either(root.context(), left, right, taken_, failed_));
    co_await settle();
    EXPECT_EQ(left.waiters(), 1u);
    EXPECT_EQ(right.waiters(), 1u);
    // Both, before it runs: it can have but one.
    EXPECT_TRUE(right.try_send(5));
    EXPECT_FALSE(left.try_send(6)) << "whoever waits there is served already";
    co_await settle();
    EXPECT_THAT(taken_, ElementsAre(std::pair(1u, 5)));
    EXPECT_EQ(left.waiters() + right.waiters(), 0u);
    EXPECT_TRUE(right.try_send(7)) << "nothing of it is left in the queues";
    EXPECT_EQ(right.size(), 1u);
  });
}

TEST_F(SelectTest, TwoSelectsMeetOverAnUnbufferedChannel) {
  run([&](Scope& root) -> task<> {
    Channel<int> there({});
    Channel<int> back({});
    const auto play = [](Context& context, Channel<int>& out, Channel<int>& in, int rounds,
                         int& sum) -> task<> {
      for (int sent = 0, got = 0; sent + got < rounds;) {
        const auto chosen = co_await select(context, out.on_send(1), in.on_receive());
        if (!chosen) break;
        chosen->index() == 0 ? ++sent : ++got;
        if (chosen->index() == 1) sum += std::get<1>(*chosen).value();
      }
    };
    int left = 0;
    int right = 0;
    spawn_(root, play(root.context(), there, back, 100, left));
    spawn_(root, play(root.context(), back, there, 100, right));
    co_await settle(500);
    EXPECT_EQ(left + right, 100);
  });
}

TEST_F(SelectTest, DoesNotMeetItself) {
  run([&](Scope& root) -> task<> {
    Channel<int> channel({});
    const auto both_ways = [](Context& context, Channel<int>& ends,
                              std::optional<std::size_t>& which) -> task<> {
      const auto chosen = co_await select(context, ends.on_send(1), ends.on_receive());
      which = chosen->index();
    };
    std::optional<std::size_t> first;
    std::optional<std::size_t> second;
    spawn_(root, both_ways(root.context(), channel, first));
    co_await settle();
    EXPECT_FALSE(first);
    EXPECT_EQ(channel.waiters(), 2u);
    spawn_(root, both_ways(root.context(), channel, second));
    co_await settle();
    EXPECT_EQ(first.value() + second.value(), 1u) << "one sends and one receives";
    EXPECT_EQ(channel.waiters(), 0u);
  });
}

TEST_F(SelectTest, WithADefaultItDoesNotWait) {
  run([&](Scope&) -> task<> {
    Channel<int> numbers({.capacity = 1});
    Channel<int> unbuffered({});
    Event event;
    EXPECT_FALSE(try_select(numbers.on_receive(), unbuffered.on_send(1), event.on_set()));
    EXPECT_EQ(numbers.waiters() + unbuffered.waiters() + event.waiters(), 0u);
    event.set();
    auto chosen = try_select(numbers.on_receive(), unbuffered.on_send(1), event.on_set());
    EXPECT_EQ(chosen.value().index(), 2u);
    event.reset();
    EXPECT_TRUE(numbers.try_send(4));
    chosen = try_select(numbers.on_receive(), unbuffered.on_send(1), event.on_set());
    EXPECT_EQ(std::get<0>(chosen.value()).value(), 4);
    EXPECT_TRUE(numbers.try_send(5)) << "looking has left nothing behind";
    co_return;
  });
}

TEST_F(SelectTest, EndsAtItsDeadlineOrItsContextsAndWhenItIsCancelled) {
  run([&](Scope& root) -> task<> {
    Channel<int> left({});
    Channel<int> right({.capacity = 1});
    Context hasty(root.context(), clock_.now() + 1ms);
    Context cancelled(root.context());
    spawn_(root, receive_either(root.context(), left, right, taken_, failed_, clock_.now() + 1ms));
    spawn_(root, receive_either(hasty, left, right, taken_, failed_));
    co_await settle();
    clock_.advance(1s);
    co_await settle();
    EXPECT_EQ(failed_.size(), 2u);
    for (const Error& error : failed_) EXPECT_EQ(error.kind, ErrorKind::deadline);
    spawn_(root, receive_either(cancelled, left, right, taken_, failed_));
    co_await settle();
    cancelled.cancel();
    co_await settle();
    EXPECT_EQ(failed_.at(2).kind, ErrorKind::cancelled);
    EXPECT_EQ(failed_.at(2).where, "select");
    EXPECT_EQ(left.waiters() + right.waiters(), 0u);
    EXPECT_TRUE(right.try_send(1));
    EXPECT_EQ(right.size(), 1u) << "nobody was there to take it";
  });
}

TEST_F(SelectTest, TimeIsACaseLikeAnyOther) {
  run([&](Scope& root) -> task<> {
    Channel<int> channel({});
    std::optional<std::size_t> which;
    const auto wait = [](Context& context, Channel<int>& on, TimePoint until, auto& index) -> task<> {
      const auto chosen = co_await select(context, on.on_receive(), after(10ms), at(until), after(1h));
      if (chosen) index = chosen->index();
    };
    spawn_(root, wait(root.context(), channel, clock_.now() + 5ms, which));
    co_await settle();
    clock_.advance(4ms);
    co_await settle();
    EXPECT_FALSE(which);
    clock_.advance(2ms);
    co_await settle();
    EXPECT_EQ(which, 2u);
    EXPECT_EQ(channel.waiters(), 0u);

    Context ends_before(root.context(), clock_.now() + 5ms);
    const auto late = co_await select(ends_before, at(clock_.now() - 1ms));
    EXPECT_TRUE(late) << "due before it is asked for";
    which.reset();
    spawn_(root, wait(ends_before, channel, kNever, which));
    co_await settle();
    clock_.advance(1s);
    co_await settle();
    EXPECT_FALSE(which) << "the context's deadline came first";
  });
}

TEST_F(SelectTest, AcquiresALockOrUnitsInOneOfTheCasesOnly) {
  run([&](Scope& root) -> task<> {
    Mutex mutex;
    Semaphore semaphore({.units = 2, .waiters_max = 10});
    std::optional<Mutex::Guard> held = mutex.try_lock();
    EXPECT_TRUE(semaphore.try_acquire(2));
    std::optional<std::size_t> which;
    const auto either = [](Context& context, Mutex& lock, Semaphore& units, auto& index) -> task<> {
      const auto chosen = co_await select(context, lock.on_lock(), units.on_acquire(2));
      index = chosen->index();
      co_await yield();
    };
    spawn_(root, either(root.context(), mutex, semaphore, which));
    co_await settle();
    semaphore.release(1);
    co_await settle();
    EXPECT_FALSE(which);
    held.reset();
    semaphore.release(1);
    EXPECT_TRUE(semaphore.try_acquire(2)) << "the mutex was first: the units are free";
    co_await settle();
    EXPECT_EQ(which, 0u);
    EXPECT_TRUE(mutex.try_lock()) << "its guard has unlocked it";
    EXPECT_EQ(semaphore.waiters(), 0u);
  });
}

TEST_F(SelectTest, ACasesOwnErrorIsItsValue) {
  run([&](Scope& root) -> task<> {
    Channel<int> open({});
    Channel<int> shut({});
    spawn_(root, receive_either(root.context(), open, open, taken_, failed_));
    co_await settle();
    const auto wait = [](Context& context, Channel<int>& quiet, Channel<int>& ending, bool& ended) -> task<> {
      const auto chosen = co_await select(context, quiet.on_receive(), ending.on_receive());
      ended = chosen && chosen->index() == 1 && closed(std::get<1>(*chosen));
    };
    bool ended = false;
    spawn_(root, wait(root.context(), open, shut, ended));
    co_await settle();
    shut.close();
    co_await settle();
    EXPECT_TRUE(ended);
    Event nobody_waits({.waiters_max = 0});
    const auto refused = co_await select(root.context(), shut.on_receive(), nobody_waits.on_set());
    EXPECT_EQ(refused->index(), 0u);
    const auto alone = co_await select(root.context(), open.on_receive(), nobody_waits.on_set());
    EXPECT_EQ(std::get<1>(*alone).error().reason, Reason::at_limit);
    EXPECT_EQ(open.waiters(), 2u) << "those of the first select";
    EXPECT_TRUE(open.try_send(1));
    co_await settle();
    EXPECT_EQ(taken_.size(), 1u);
  });
}

TEST_F(SelectTest, WaitsForEventsAndWaitGroups) {
  run([&](Scope& root) -> task<> {
    Event event;
    WaitGroup group({.count = 2});
    std::optional<std::size_t> which;
    const auto wait = [](Context& context, Event& set, WaitGroup& zero, auto& index) -> task<> {
      index = (co_await select(context, set.on_set(), zero.on_zero()))->index();
    };
    spawn_(root, wait(root.context(), event, group, which));
    co_await settle();
    group.done();
    co_await settle();
    EXPECT_FALSE(which);
    group.done();
    co_await settle();
    EXPECT_EQ(which, 1u);
    EXPECT_EQ(event.waiters(), 0u);
  });
}

// Which of those that are ready are taken, in order.
std::vector<std::size_t> order_of(std::uint64_t seed) {
  Simulation simulation({.seed = seed});
  Runtime runtime({.processors = 1, .simulation = &simulation});
  std::vector<std::size_t> order;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    Event left({.set = true});
    Event right({.set = true});
    for (int i = 0; i < 64; ++i) {
      order.push_back((co_await select(root.context(), left.on_set(), right.on_set()))->index());
    }
  }));
  return order;
}

TEST(SelectInASimulation, ChoosesByTheSeed) {
  EXPECT_EQ(order_of(1), order_of(1));
  EXPECT_NE(order_of(1), order_of(2));
}

// Four cases, of which the first is never ready and the others always are: how
// often each is chosen.
task<> count_choices(Context& context, std::array<int, 4>& counts) {
  Channel<int> never({});
  Channel<int> stored({.capacity = 1});
  Event set({.set = true});
  Semaphore free({.units = 1});
  (void)stored.try_send(0);
  for (int i = 0; i < 3000; ++i) {
    const auto chosen =
        co_await select(context, never.on_receive(), stored.on_receive(), set.on_set(), free.on_acquire());
    ++counts.at(chosen->index());
    if (chosen->index() == 1) (void)stored.try_send(0);
    if (chosen->index() == 3) free.release();
  }
}

TEST(SelectChoice, EachThatIsReadyIsAsLikely) {
  std::array<int, 4> counts{};
  Simulation simulation({.seed = 1});
  Runtime runtime({.processors = 1, .simulation = &simulation});
  EXPECT_TRUE(runtime.run([&](Scope& root) { return count_choices(root.context(), counts); }));
  EXPECT_EQ(counts[0], 0);
  for (const std::size_t ready : {1, 2, 3}) EXPECT_NEAR(counts.at(ready), 1000, 100) << ready;
}

task<> send_often(Context& context, Channel<int>& channel) {
  while (co_await channel.send(context, 1)) {
  }
}

TEST(SelectChoice, ASenderThatWaitsIsAsLikelyAsAValueThatIsStored) {
  std::array<int, 2> counts{};
  Spawner spawn;
  Simulation simulation({.seed = 1});
  Runtime runtime({.processors = 1, .simulation = &simulation});
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    Channel<int> unbuffered({});
    Channel<int> stored({.capacity = 1});
    for (int i = 0; i < 2; ++i) spawn(root, send_often(root.context(), unbuffered));
    for (int i = 0; i < 2000; ++i) {
      (void)stored.try_send(0);
      while (unbuffered.waiters() == 0) co_await yield();
      const auto chosen = co_await select(root.context(), unbuffered.on_receive(), stored.on_receive());
      ++counts.at(chosen->index());
    }
    unbuffered.close();
  }));
  for (const int count : counts) EXPECT_NEAR(count, 1000, 100);
}

}  // namespace
}  // namespace weir::core

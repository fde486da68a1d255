// Small programs in every order that their tasks can take: what semaphore and
// channel promise holds in each.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "weir/core/channel.h"
#include "weir/core/internal/choices.h"
#include "weir/core/internal/testing.h"
#include "weir/core/mutex.h"
#include "weir/core/runtime.h"
#include "weir/core/semaphore.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::core {
namespace {

using internal::Choices;

class Exhaustive : public ::testing::Test {
 protected:
  // Runs `body` in every order; the number of orders.
  template <typename Body>
  std::uint64_t in_every_order(Body body) {
    Choices choices;
    do {
      Simulation simulation({.choose = [&](std::uint64_t options) { return choices.choose(options); }});
      Runtime runtime({.processors = 1, .simulation = &simulation});
      EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> { co_await body(root); }));
      EXPECT_EQ(spawn_.in_use(), 0u);
      if (HasFailure()) {
        ADD_FAILURE() << "in order " << choices.sequences();
        break;
      }
    } while (choices.next());
    return choices.sequences();
  }

  internal::Watchdog watchdog_{"every order"};
  internal::Spawner spawn_;
};

struct Exchanged {
  explicit Exchanged(std::uint32_t capacity) : channel({.capacity = capacity}) {}

  Channel<int> channel;
  std::vector<int> sent;  // that send() said were
  std::vector<int> received;
};

task<> send_two(Context& context, Exchanged& all, int first) {
  for (int value = first; value < first + 2; ++value) {
    const Result<> sent = co_await all.channel.send(context, value);
    if (sent) all.sent.push_back(value);
    EXPECT_TRUE(sent || closed(sent) || sent.error().kind == ErrorKind::cancelled);
  }
}

task<> receive_until_closed(Context& context, Exchanged& all) {
  for (;;) {
    const Result<int> value = co_await all.channel.receive(context);
    if (!value) co_return;
    all.received.push_back(*value);
  }
}

task<> close_it(Exchanged& all) {
  co_await yield();
  all.channel.close();
}

// Every value that was sent was received once, and those of one sender in order.
void expect_consistent(const Exchanged& all) {
  std::vector<int> sent = all.sent;
  std::vector<int> received = all.received;
  std::map<int, int> last;
  for (const int value : received) {
    EXPECT_LT(last[value / 10], value);
    last[value / 10] = value;
  }
  std::ranges::sort(sent);
  std::ranges::sort(received);
  EXPECT_EQ(sent, received);
}

TEST_F(Exhaustive, AChannelLosesAndDoublesNothingWhereverItIsClosed) {
  for (const std::uint32_t capacity : {0u, 1u, 2u}) {
    SCOPED_TRACE("capacity " + std::to_string(capacity));
    const std::uint64_t orders = in_every_order([&](Scope& root) -> task<> {
      Exchanged all(capacity);
      (void)co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
        spawn_(scope, send_two(scope.context(), all, 10));
        spawn_(scope, send_two(scope.context(), all, 20));
        spawn_(scope, receive_until_closed(scope.context(), all));
        spawn_(scope, close_it(all));
        co_return;
      });
      expect_consistent(all);
    });
    EXPECT_GT(orders, 100u);
  }
}

TEST_F(Exhaustive, ACancelledSenderOrReceiverTakesNothingWithIt) {
  for (const std::uint32_t capacity : {0u, 1u}) {
    SCOPED_TRACE("capacity " + std::to_string(capacity));
    const std::uint64_t orders = in_every_order([&](Scope& root) -> task<> {
      Exchanged all(capacity);
      Context sender(root.context());
      Context receiver(root.context());
      const auto cancel = [](Context& context) -> task<> {
        co_await yield();
        context.cancel();
      };
      (void)co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
        spawn_(scope, send_two(sender, all, 10));
        spawn_(scope, receive_until_closed(receiver, all));
        spawn_(scope, cancel(sender));
        spawn_(scope, cancel(receiver));
        co_return;
      });
      (void)co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
        spawn_(scope, receive_until_closed(scope.context(), all));
        spawn_(scope, close_it(all));
        co_return;
      });
      expect_consistent(all);
    });
    EXPECT_GT(orders, 20u);
  }
}

struct Shared {
  Semaphore semaphore{{.units = 2, .waiters_max = 10}};
  std::uint64_t in_use = 0;
  int turns = 0;
};

task<> take(Context& context, Shared& shared, std::uint64_t weight) {
  const Result<> taken = co_await shared.semaphore.acquire(context, weight);
  if (!taken) {
    EXPECT_EQ(taken.error().kind, ErrorKind::cancelled);
    co_return;
  }
  shared.in_use += weight;
  EXPECT_LE(shared.in_use, 2u);
  ++shared.turns;
  co_await yield();
  shared.in_use -= weight;
  shared.semaphore.release(weight);
}

TEST_F(Exhaustive, ASemaphoreGivesOutNoMoreThanItHasAndLosesNoUnit) {
  const std::uint64_t orders = in_every_order([&](Scope& root) -> task<> {
    Shared shared;
    Context one(root.context());
    const auto cancel = [](Context& context) -> task<> {
      co_await yield();
      context.cancel();
    };
    (void)co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
      spawn_(scope, take(scope.context(), shared, 1));
      spawn_(scope, take(one, shared, 2));
      spawn_(scope, take(scope.context(), shared, 1));
      spawn_(scope, cancel(one));
      co_return;
    });
    EXPECT_GE(shared.turns, 2);
    EXPECT_EQ(shared.semaphore.in_use(), 0u);
    EXPECT_EQ(shared.semaphore.waiters(), 0u);
    EXPECT_TRUE(shared.semaphore.try_acquire(2)) << "all units are there";
    shared.semaphore.release(2);
  });
  EXPECT_GT(orders, 100u);
}

struct Guarded {
  Mutex mutex;
  bool inside = false;
  int turns = 0;
};

task<> lock_twice(Context& context, Guarded& guarded) {
  for (int i = 0; i < 2; ++i) {
    const Result<Mutex::Guard> guard = co_await guarded.mutex.lock(context);
    if (!guard) {
      EXPECT_EQ(guard.error().kind, ErrorKind::cancelled);
      co_return;
    }
    EXPECT_FALSE(std::exchange(guarded.inside, true));
    ++guarded.turns;
    co_await yield();
    guarded.inside = false;
  }
}

TEST_F(Exhaustive, AMutexIsHeldByOneAndForgetsNobody) {
  const std::uint64_t orders = in_every_order([&](Scope& root) -> task<> {
    Guarded guarded;
    Context one(root.context());
    const auto cancel = [](Context& context) -> task<> {
      co_await yield();
      context.cancel();
    };
    (void)co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
      spawn_(scope, lock_twice(scope.context(), guarded));
      spawn_(scope, lock_twice(one, guarded));
      spawn_(scope, cancel(one));
      co_return;
    });
    EXPECT_GE(guarded.turns, 2);
    EXPECT_TRUE(guarded.mutex.try_lock()) << "nobody has it, and nobody waits";
  });
  EXPECT_GT(orders, 100u);
}

}  // namespace
}  // namespace weir::core

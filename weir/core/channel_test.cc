#include "weir/core/channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"

namespace weir::core {
namespace {

using internal::ManualClock;
using internal::settle;
using internal::Spawner;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// One processor and a clock that stands still.
class ChannelTest : public ::testing::Test {
 protected:
  template <typename Body>
  void run(Body body) {
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> { co_await body(root); }));
  }

  task<> send(Context& context, Channel<int>& channel, int value, TimePoint deadline = kNever) {
    sent_.emplace_back(value, co_await channel.send(context, value, deadline));
  }
  task<> receive(Context& context, Channel<int>& channel, TimePoint deadline = kNever) {
    const Result<int> got = co_await channel.receive(context, deadline);
    if (got) {
      received_.push_back(*got);
    } else {
      failed_.push_back(got.error());
    }
  }
  const Result<>* outcome_of(int value) const {
    for (const auto& [sent, outcome] : sent_) {
      if (sent == value) return &outcome;
    }
    return nullptr;
  }

  ManualClock clock_;
  Runtime runtime_{{.processors = 1, .clock = &clock_}};
  Spawner spawn_;
  std::vector<std::pair<int, Result<>>> sent_;  // in the order in which sends ended
  std::vector<int> received_;
  std::vector<Error> failed_;
};

TEST_F(ChannelTest, GivesBackWhatWasSentInOrderManyTimesRound) {
  for (const std::uint32_t capacity : {1u, 2u, 3u, 4u, 7u, 128u}) {
    Channel<int> channel({.capacity = capacity});
    for (int i = 0; i < 1000; ++i) {
      for (int k = 0; k < static_cast<int>(capacity); ++k) EXPECT_TRUE(channel.try_send(i + k));
      EXPECT_EQ(channel.size(), capacity);
      const Result<> full = channel.try_send(-1);
      ASSERT_FALSE(full) << "capacity " << capacity;
      EXPECT_EQ(full.error().reason, Reason::at_limit);
      for (int k = 0; k < static_cast<int>(capacity); ++k) {
        const Result<int> got = channel.try_receive();
        ASSERT_TRUE(got);
        EXPECT_EQ(*got, i + k);
      }
      EXPECT_EQ(channel.size(), 0u);
      EXPECT_FALSE(channel.try_receive());
    }
  }
}

TEST_F(ChannelTest, ASendWaitsWhileItIsFullAndItsValueKeepsItsPlace) {
  run([&](Scope& root) -> task<> {
    Channel<int> channel({.capacity = 2});
    for (const int value : {1, 2, 3, 4}) spawn_(root, send(root.context(), channel, value));
    co_await settle();
    EXPECT_EQ(sent_.size(), 2u);
    EXPECT_EQ(channel.waiters(), 2u);
    EXPECT_FALSE(channel.try_send(9)) << "others wait";
    const Result<int> first = channel.try_receive();
    EXPECT_EQ(first.value(), 1);
    EXPECT_EQ(channel.size(), 2u) << "the first that waited took the place at once";
    EXPECT_FALSE(channel.try_send(9)) << "nobody overtakes";
    for (const int expected : {2, 3, 4}) {
      const Result<int> next = channel.try_receive();
      EXPECT_EQ(next.value(), expected);
    }
    co_await settle();
    EXPECT_EQ(sent_.size(), 4u);
    EXPECT_TRUE(channel.try_send(5)) << "nobody waits any more";
  });
}

TEST_F(ChannelTest, AValueGoesToTheReceiverThatHasWaitedLongest) {
  for (const std::uint32_t capacity : {0u, 3u}) {
    Runtime runtime({.processors = 1, .clock = &clock_});
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      Channel<int> channel({.capacity = capacity});
      std::array<std::optional<int>, 3> got;
      const auto take = [](Context& context, Channel<int>& from, std::optional<int>& into) -> task<> {
        into = (co_await from.receive(context)).value();
      };
      for (auto& each : got) spawn_(root, take(root.context(), channel, each));
      co_await settle();
      EXPECT_EQ(channel.waiters(), 3u);
      for (const int value : {1, 2, 3}) EXPECT_TRUE(channel.try_send(value));
      EXPECT_EQ(channel.size(), 0u) << "handed over, not stored";
      co_await settle();
      EXPECT_THAT(got, ElementsAre(1, 2, 3));
    }));
  }
}

TEST_F(ChannelTest, WithoutCapacityEachSendWaitsForItsReceive) {
  run([&](Scope& root) -> task<> {
    Channel<int> channel({});
    EXPECT_FALSE(channel.try_send(0)) << "nobody receives";
    EXPECT_FALSE(channel.try_receive()) << "nobody sends";
    spawn_(root, send(root.context(), channel, 1));
    spawn_(root, send(root.context(), channel, 2));
    co_await settle();
    EXPECT_THAT(sent_, IsEmpty());
    EXPECT_EQ((co_await channel.receive(root.context())).value(), 1);
    co_await settle();
    EXPECT_EQ(sent_.size(), 1u);
    EXPECT_EQ(channel.try_receive().value(), 2);
    co_await settle();
    EXPECT_EQ(sent_.size(), 2u);
  });
}

TEST_F(ChannelTest, AfterCloseReceivesDrainItAndThenFailAndSendsFailAtOnce) {
  run([&](Scope& root) -> task<> {
    Channel<int> channel({.capacity = 3});
    for (const int value : {1, 2}) EXPECT_TRUE(channel.try_send(value));
    channel.close();
    channel.close();
    const Result<> sent = co_await channel.send(root.context(), 3);
    EXPECT_TRUE(closed(sent));
    EXPECT_EQ(sent.error().kind, ErrorKind::disconnected);
    EXPECT_EQ((co_await channel.receive(root.context())).value(), 1);
    EXPECT_EQ((co_await channel.receive(root.context())).value(), 2);
    for (int i = 0; i < 2; ++i) {
      const Result<int> end = co_await channel.receive(root.context());
      EXPECT_TRUE(closed(end));
      EXPECT_EQ(end.error().where, "chan receive");
    }
    EXPECT_TRUE(closed(channel.try_receive()));
    EXPECT_TRUE(closed(channel.try_send(4)));
  });
}

TEST_F(ChannelTest, CloseEndsTheWaitsOfReceiversAndOfSenders) {
  run([&](Scope& root) -> task<> {
    Channel<int> empty({.capacity = 2});
    for (int i = 0; i < 3; ++i) spawn_(root, receive(root.context(), empty));
    Channel<int> full({.capacity = 1});
    for (const int value : {1, 2, 3}) spawn_(root, send(root.context(), full, value));
    co_await settle();
    empty.close();
    full.close();
    co_await settle();
    EXPECT_EQ(failed_.size(), 3u);
    for (const Error& error : failed_) EXPECT_EQ(error.reason, Reason::closed);
    EXPECT_TRUE(outcome_of(1)->has_value());
    EXPECT_TRUE(closed(*outcome_of(2)));
    EXPECT_TRUE(closed(*outcome_of(3)));
    EXPECT_EQ(full.try_receive().value(), 1) << "what was sent before is still there";
    EXPECT_TRUE(closed(full.try_receive()));
  });
}

TEST_F(ChannelTest, ACancelledSendKeepsItsValueAndACancelledReceiveTakesNone) {
  run([&](Scope& root) -> task<> {
    Channel<std::unique_ptr<int>> channel({.capacity = 1});
    EXPECT_TRUE(co_await channel.send(root.context(), std::make_unique<int>(1)));
    auto mine = std::make_unique<int>(2);
    Result<> outcome;
    Context context(root.context());
    const auto send = [](Context& under, auto& to, auto& value, auto& result) -> task<> {
      result = co_await to.send(under, std::move(value));
    };
    spawn_(root, send(context, channel, mine, outcome));
    co_await settle();
    context.cancel();
    co_await settle();
    EXPECT_EQ(outcome.error().kind, ErrorKind::cancelled);
    EXPECT_TRUE(mine) << "it was not sent";
    EXPECT_EQ(channel.waiters(), 0u);
    EXPECT_EQ(**channel.try_receive(), 1);

    const Result<std::unique_ptr<int>> none = co_await channel.receive(context);
    EXPECT_EQ(none.error().kind, ErrorKind::cancelled);
    EXPECT_TRUE(channel.try_send(std::move(mine)));
    EXPECT_FALSE(mine);
    EXPECT_EQ(**channel.try_receive(), 2);
  });
}

TEST_F(ChannelTest, AValueThatComesAfterTheReceiversDeadlineGoesToTheNext) {
  run([&](Scope& root) -> task<> {
    Channel<std::unique_ptr<int>> channel({});
    std::vector<Error> late;
    std::vector<int> got;
    const auto take = [](Context& context, auto& from, auto& into, auto& failed, TimePoint until) -> task<> {
      auto value = co_await from.receive(context, until);
      value ? into.push_back(**value) : failed.push_back(value.error());
    };
    spawn_(root, take(root.context(), channel, got, late, clock_.now() + 1ms));
    spawn_(root, take(root.context(), channel, got, late, kNever));
    co_await settle();
    clock_.advance(1s);
    // The timer fires behind this task: the first is decided and still queued.
    co_await yield();
    EXPECT_EQ(channel.waiters(), 2u);
    EXPECT_TRUE(channel.try_send(std::make_unique<int>(7)));
    co_await settle();
    EXPECT_EQ(late.size(), 1u);
    EXPECT_EQ(late.at(0).kind, ErrorKind::deadline);
    EXPECT_THAT(got, ElementsAre(7));
  });
}

TEST_F(ChannelTest, TheValueOfASenderThatIsLateIsNotTakenButTheNextOnes) {
  for (const std::uint32_t capacity : {0u, 1u}) {
    Runtime runtime({.processors = 1, .clock = &clock_});
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      Channel<std::string> channel({.capacity = capacity});
      if (capacity == 1) EXPECT_TRUE(channel.try_send("first"));
      std::array<std::string, 2> values = {"late", "in time"};
      std::array<Result<>, 2> outcomes;
      const auto send = [](Context& context, auto& to, auto& value, auto& result, TimePoint until) -> task<> {
        result = co_await to.send(context, std::move(value), until);
      };
      spawn_(root, send(root.context(), channel, values[0], outcomes[0], clock_.now() + 1ms));
      spawn_(root, send(root.context(), channel, values[1], outcomes[1], kNever));
      co_await settle();
      clock_.advance(1s);
      co_await yield();
      EXPECT_EQ(channel.waiters(), 2u);
      if (capacity == 1) EXPECT_EQ(channel.try_receive().value(), "first");
      EXPECT_EQ(channel.try_receive().value(), "in time");
      co_await settle();
      EXPECT_EQ(outcomes[0].error().kind, ErrorKind::deadline);
      EXPECT_EQ(values[0], "late") << "given back";
      EXPECT_TRUE(outcomes[1]);
      EXPECT_EQ(channel.size(), 0u);
    }));
  }
}

TEST_F(ChannelTest, LetsOnlySoManyWaitOnEachSide) {
  run([&](Scope& root) -> task<> {
    Channel<int> channel({.waiters_max = 1});
    spawn_(root, receive(root.context(), channel));
    spawn_(root, receive(root.context(), channel));
    co_await settle();
    EXPECT_EQ(failed_.size(), 1u);
    EXPECT_EQ(failed_.at(0).kind, ErrorKind::overloaded);
    EXPECT_EQ(failed_.at(0).reason, Reason::queue_full);
    EXPECT_TRUE(channel.try_send(1));
    co_await settle();
    EXPECT_THAT(received_, ElementsAre(1));

    Channel<int> nobody_waits({.capacity = 1, .waiters_max = 0});
    EXPECT_TRUE(co_await nobody_waits.send(root.context(), 1));
    EXPECT_EQ((co_await nobody_waits.send(root.context(), 2)).error().reason, Reason::at_limit);
    EXPECT_EQ((co_await nobody_waits.receive(root.context())).value(), 1);
    EXPECT_EQ((co_await nobody_waits.receive(root.context())).error().reason, Reason::at_limit);
    EXPECT_TRUE(co_await nobody_waits.send(root.context(), 3)) << "a refusal leaves nothing behind";
  });
}

TEST_F(ChannelTest, DestroysWhatNobodyReceived) {
  const auto shared = std::make_shared<int>(1);
  {
    Channel<std::shared_ptr<int>> channel({.capacity = 4});
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(channel.try_send(std::shared_ptr<int>(shared)));
    EXPECT_TRUE(channel.try_receive());
    EXPECT_EQ(shared.use_count(), 3);
    channel.close();
  }
  EXPECT_EQ(shared.use_count(), 1);
}

// Against a plain queue: a long random sequence of everything that does not
// wait, and of waits that are there before.
TEST_F(ChannelTest, BehavesAsAQueueWhateverTheOrderOfCalls) {
  std::mt19937 random(static_cast<std::uint32_t>(internal::print_seed()));
  run([&](Scope& root) -> task<> {
    for (const std::uint32_t capacity : {0u, 1u, 2u, 5u}) {
      sent_.clear();
      received_.clear();
      Channel<int> channel({.capacity = capacity});
      std::deque<int> expected;  // stored, or with those who wait to send
      std::size_t receivers = 0;
      std::vector<int> order;
      for (int value = 0; value < 2000; ++value) {
        if (random() % 2 == 0 && receivers < 20) {
          spawn_(root, receive(root.context(), channel));
          if (expected.empty()) {
            ++receivers;
          } else {
            order.push_back(expected.front());
            expected.pop_front();
          }
        } else if (expected.size() < 20) {
          spawn_(root, send(root.context(), channel, value));
          if (receivers > 0) {
            --receivers;
            order.push_back(value);
          } else {
            expected.push_back(value);
          }
        }
        co_await settle();
        EXPECT_EQ(channel.size(), std::min<std::size_t>(expected.size(), capacity));
        EXPECT_EQ(channel.waiters(), receivers + expected.size() - channel.size());
      }
      EXPECT_EQ(received_, order);
      channel.close();
      co_await settle();
      EXPECT_EQ(channel.size(), std::min<std::size_t>(expected.size(), capacity));
    }
  });
}

}  // namespace
}  // namespace weir::core

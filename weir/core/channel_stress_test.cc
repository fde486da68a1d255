// Channels and selects under everything at once: several processors, values
// that race with deadlines, cancellation and close. Every value that was sent
// is received exactly once, in its sender's order; none is made up.
#include "weir/core/channel.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <random>
#include <vector>

#include "weir/core/event.h"
#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"
#include "weir/core/select.h"

namespace weir::core {
namespace {

using internal::print_seed;
using internal::Spawner;
using internal::stress_span;
using internal::Watchdog;
using Random = std::minstd_rand;

Random random_of(std::uint64_t seed) { return Random(static_cast<Random::result_type>(seed)); }

// Owns memory, so that a value that is lost or doubled is a leak or worse.
struct Number {
  std::uint32_t sender;
  std::uint64_t value;
};
using Value = std::unique_ptr<Number>;

constexpr std::uint32_t kSenders = 4;
constexpr std::size_t kReceivers = 4;

class Traffic {
 public:
  Traffic(unsigned processors, std::uint32_t capacity, std::uint64_t seed, Duration span)
      : runtime_({.processors = processors}),
        channels_{Channel<Value>({.capacity = capacity}), Channel<Value>({.capacity = capacity / 2})},
        random_(seed),
        end_(SystemClock::read() + span) {}

  void run() {
    EXPECT_TRUE(runtime_.run([this](Scope& root) -> task<> {
      for (std::size_t i = 0; i < kReceivers; ++i) spawn_(root, receive(root.context(), i, random_()));
      EXPECT_TRUE(co_await with_scope(root.context(), [this](Scope& scope) -> task<> {
        for (std::uint32_t i = 0; i < kSenders; ++i) spawn_(scope, send(scope.context(), i, random_()));
        co_return;
      }));
      for (auto& channel : channels_) channel.close();
    }));
    std::uint64_t received = 0;
    for (std::uint32_t sender = 0; sender < kSenders; ++sender) {
      for (const auto& each : sums_) received += each[sender];
    }
    std::uint64_t sent = 0;
    for (const std::uint64_t sum : sums_sent_) sent += sum;
    EXPECT_EQ(received, sent);
    EXPECT_EQ(disorder_, 0) << "values of one sender through one channel to one receiver";
    for (auto& channel : channels_) {
      EXPECT_EQ(channel.waiters(), 0u);
      EXPECT_TRUE(closed(channel.try_receive()));
    }
  }

  std::uint64_t given_up() const { return given_up_; }

 private:
  TimePoint some_deadline(Random& random) {
    if (random() % 4 != 0) return kNever;
    return SystemClock::read() + Duration(static_cast<int>(random() % 300'000));
  }

  task<> send(Context& parent, std::uint32_t sender, std::uint64_t seed) {
    Random random = random_of(seed);
    auto value = std::make_unique<Number>(sender, 1);
    while (SystemClock::read() < end_) {
      Context context(parent);
      if (random() % 8 == 0) {
        EXPECT_TRUE(co_await with_scope(context, [&](Scope& scope) -> task<> {
          spawn_(scope, cancel_after(context, random() % 8));
          co_await send_one(context, value, random);
        }));
      } else {
        co_await send_one(context, value, random);
      }
      if (value != nullptr) continue;
      ++sent_[sender];
      sums_sent_[sender] += sent_[sender];
      value = std::make_unique<Number>(sender, sent_[sender] + 1);
    }
  }

  static task<> cancel_after(Context& context, std::uint64_t yields) {
    for (; yields > 0; --yields) co_await yield();
    context.cancel();
  }

  // Leaves `value` empty, or leaves it alone.
  task<> send_one(Context& context, Value& value, Random& random) {
    bool sent = false;
    switch (random() % 4) {
      case 0: {
        const auto chosen =
            try_select(channels_[0].on_send(std::move(value)), channels_[1].on_send(std::move(value)));
        sent = chosen.has_value();
        break;
      }
      case 1: {
        const auto chosen = co_await select_until(
            context, some_deadline(random), channels_[1].on_send(std::move(value)),
            after(Duration(static_cast<int>(random() % 1'000'000))), channels_[0].on_send(std::move(value)));
        sent = chosen && chosen->index() != 1;
        break;
      }
      default: {
        auto& channel = channels_[random() % 2];
        const Result<> outcome = co_await channel.send(context, std::move(value), some_deadline(random));
        sent = outcome.has_value();
        break;
      }
    }
    EXPECT_EQ(sent, value == nullptr) << "what was not sent is given back";
    if (!sent) {
      given_up_.fetch_add(1, std::memory_order_relaxed);
      co_await yield();
    }
  }

  task<> receive(Context& context, std::size_t me, std::uint64_t seed) {
    Random random = random_of(seed);
    std::array<std::array<std::uint64_t, kSenders>, 2> last{};
    for (bool over[2] = {}; !(over[0] && over[1]);) {
      const std::size_t which = random() % 2;
      if (over[which] || random() % 2 == 0) {
        const auto chosen = co_await select_until(context, some_deadline(random), channels_[0].on_receive(),
                                                  channels_[1].on_receive());
        if (!chosen) continue;
        const bool left = chosen->index() == 0;
        take(left ? std::get<0>(*chosen) : std::get<1>(*chosen), me, last[left ? 0 : 1], over[left ? 0 : 1]);
      } else {
        // Not for ever: the senders may all wait at the other.
        const TimePoint deadline = SystemClock::read() + Duration(static_cast<int>(random() % 300'000));
        Result<Value> got = co_await channels_[which].receive(context, deadline);
        take(got, me, last[which], over[which]);
      }
      if (random() % 64 == 0) co_await yield();
    }
  }

  void take(const Result<Value>& got, std::size_t me, std::array<std::uint64_t, kSenders>& last, bool& over) {
    over = over || closed(got);
    if (!got) return;
    const Number& number = **got;
    if (number.value <= last[number.sender]) ++disorder_;
    last[number.sender] = number.value;
    sums_[me][number.sender] += number.value;
  }

  Runtime runtime_;
  Spawner spawn_;
  std::array<Channel<Value>, 2> channels_;
  std::mt19937_64 random_;
  const TimePoint end_;
  // Each written by one task.
  std::array<std::uint64_t, kSenders> sent_{};
  std::array<std::uint64_t, kSenders> sums_sent_{};
  std::array<std::array<std::uint64_t, kSenders>, kReceivers> sums_{};
  std::atomic<std::uint64_t> given_up_{0};
  std::atomic<int> disorder_{0};
};

TEST(ChannelStress, EveryValueIsReceivedOnceAndInItsSendersOrder) {
  const std::uint64_t seed = print_seed();
  std::uint64_t given_up = 0;
  for (const unsigned processors : {1u, 2u, 4u}) {
    for (const std::uint32_t capacity : {0u, 1u, 3u, 64u}) {
      const Watchdog watchdog("capacity " + std::to_string(capacity) + " on " + std::to_string(processors) +
                              " processors");
      Traffic traffic(processors, capacity, seed, stress_span() / 12);
      traffic.run();
      given_up += traffic.given_up();
    }
  }
  EXPECT_GT(given_up, 0u) << "no wait has ended early: this tested less than it says";
}

// No deadlines and no cancellation, which would make up for a wake-up that was
// lost: one that is is a hang.
task<> pass_on(Context& context, Channel<std::uint64_t>& from, Channel<std::uint64_t>& to, TimePoint end) {
  for (;;) {
    const Result<std::uint64_t> got = co_await from.receive(context);
    if (!got || SystemClock::read() >= end) break;
    if (!co_await to.send(context, *got + 1)) break;
  }
  from.close();
  to.close();
}

TEST(ChannelStress, NoWakeUpIsLostInARingOfTasks) {
  for (const unsigned processors : {2u, 4u}) {
    for (const std::uint32_t capacity : {0u, 1u, 2u}) {
      const Watchdog watchdog("ring of capacity " + std::to_string(capacity));
      Runtime runtime({.processors = processors});
      Spawner spawn;
      std::vector<std::unique_ptr<Channel<std::uint64_t>>> ring;
      for (int i = 0; i < 5; ++i) {
        ring.push_back(
            std::make_unique<Channel<std::uint64_t>>(Channel<std::uint64_t>::Options{.capacity = capacity}));
      }
      const TimePoint end = SystemClock::read() + stress_span() / 6;
      EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
        for (std::size_t i = 0; i < ring.size(); ++i) {
          spawn(root, pass_on(root.context(), *ring[i], *ring[(i + 1) % ring.size()], end));
        }
        for (std::uint64_t ball = 0; ball < 2; ++ball) {
          EXPECT_TRUE(co_await ring[2 * ball]->send(root.context(), std::uint64_t{0}));
        }
      }));
    }
  }
}

// Closed by a thread that runs no tasks, while all is under way.
task<> send_until_closed(Context& context, Channel<Value>& to, std::uint64_t& sent) {
  for (;;) {
    const Result<> outcome = co_await to.send(context, std::make_unique<Number>(0, 1));
    if (closed(outcome)) co_return;
    EXPECT_TRUE(outcome);
    ++sent;
  }
}

task<> receive_until_closed(Context& context, Channel<Value>& from, Event& over, std::uint64_t& received) {
  for (;;) {
    const auto chosen = co_await select(context, over.on_set(), from.on_receive());
    if (chosen->index() == 0) {
      while (co_await from.receive(context)) ++received;
      co_return;
    }
    if (closed(std::get<1>(*chosen))) co_return;
    ++received;
  }
}

TEST(ChannelStress, WhatWasSentBeforeCloseIsReceived) {
  std::mt19937_64 random(print_seed());
  const TimePoint end = SystemClock::read() + stress_span() / 2;
  const Watchdog watchdog("close");
  while (SystemClock::read() < end) {
    Runtime runtime({.processors = 1 + static_cast<unsigned>(random() % 3)});
    Spawner spawn;
    Channel<Value> channel({.capacity = static_cast<std::uint32_t>(random() % 4)});
    Event over;
    std::array<std::uint64_t, 3> sent{};
    std::array<std::uint64_t, 3> received{};
    std::jthread closer;
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      for (auto& count : sent) spawn(root, send_until_closed(root.context(), channel, count));
      for (auto& count : received) spawn(root, receive_until_closed(root.context(), channel, over, count));
      closer = std::jthread([&channel, &over, first = random() % 2 == 0, delay = random() % 4096] {
        for (auto i = delay; i > 0; --i) std::atomic_signal_fence(std::memory_order_seq_cst);
        if (first) over.set();
        channel.close();
        over.set();
      });
      co_return;
    }));
    closer.join();
    EXPECT_EQ(sent[0] + sent[1] + sent[2], received[0] + received[1] + received[2]);
  }
}

}  // namespace
}  // namespace weir::core

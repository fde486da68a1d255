// Channels, ping-pong over two of them, select.
#include <cstdint>
#include <string>

#include "bench/harness.h"
#include "weir/core/channel.h"
#include "weir/core/limit.h"
#include "weir/core/select.h"

namespace weir::bench {
namespace {

using core::Context;
using core::Scope;
using core::task;

using Numbers = core::Channel<std::uint64_t>;

task<> produce(Context& context, Numbers& numbers, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    expect((co_await numbers.send(context, i)).has_value(), "a send failed");
  }
}

task<> consume(Context& context, Numbers& numbers, std::uint64_t& received) {
  std::uint64_t count = 0;
  while (co_await numbers.receive(context)) ++count;
  received = count;
}

// Then nothing more comes.
task<> produce_all(Context& context, Numbers& numbers, std::uint64_t producers, std::uint64_t values) {
  core::Limit limit({.name = "producers", .limit = producers});
  (void)co_await core::with_scope(context, [&](Scope& scope) -> task<> {
    for (std::uint64_t i = 0; i < producers; ++i) {
      scope.spawn(std::move(*limit.try_acquire()), produce(scope.context(), numbers, values / producers));
    }
    co_return;
  });
  numbers.close();
}

// As many producers as consumers.
Duration pass(std::uint64_t pairs, std::uint32_t capacity, std::uint64_t values) {
  Numbers numbers({.capacity = capacity, .waiters_max = 100});
  core::Limit limit({.name = "consumers", .limit = pairs});
  std::vector<std::uint64_t> received(pairs);
  const Duration took = in_runtime(processors(), [&](Scope& root) -> task<Duration> {
    const Stopwatch watch;
    const Result<> joined = co_await core::with_scope(root.context(), [&](Scope& scope) -> task<> {
      for (std::uint64_t& count : received) {
        scope.spawn(std::move(*limit.try_acquire()), consume(scope.context(), numbers, count));
      }
      co_await produce_all(scope.context(), numbers, pairs, values);
    });
    const Duration span = watch.read();
    expect(joined.has_value(), "a task failed");
    co_return span;
  });
  std::uint64_t all = 0;
  for (const std::uint64_t count : received) all += count;
  expect(all == values, "values were lost");
  return took;
}

task<> answer(Context& context, Numbers& ping, Numbers& pong) {
  while (const Result<std::uint64_t> ball = co_await ping.receive(context)) {
    expect((co_await pong.send(context, *ball)).has_value(), "a send failed");
  }
}

task<Duration> serve(Context& context, Numbers& ping, Numbers& pong, std::uint64_t rounds) {
  const Stopwatch watch;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    expect((co_await ping.send(context, i)).has_value(), "a send failed");
    const Result<std::uint64_t> ball = co_await pong.receive(context);
    expect(ball && *ball == i, "another ball came back");
  }
  co_return watch.read();
}

// There and back is one operation.
Duration ping_pong(unsigned on, std::uint64_t rounds) {
  Numbers ping({});
  Numbers pong({});
  core::Limit limit({.name = "other", .limit = 1});
  return in_runtime(on, [&](Scope& root) -> task<Duration> {
    root.spawn(std::move(*limit.try_acquire()), answer(root.context(), ping, pong));
    const Duration took = co_await serve(root.context(), ping, pong, rounds);
    ping.close();
    co_return took;
  });
}

// Two channels of one slot that are both ready: one is received from, and filled
// again.
task<Duration> choose(Context& context, std::uint64_t count) {
  Numbers first({.capacity = 1});
  Numbers second({.capacity = 1});
  (void)first.try_send(1);
  (void)second.try_send(2);
  std::uint64_t sum = 0;
  const Stopwatch watch;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto chosen = co_await core::select(context, first.on_receive(), second.on_receive());
    expect(chosen.has_value(), "select failed");
    Numbers& emptied = chosen->index() == 0 ? first : second;
    (void)emptied.try_send(i);
    ++sum;
  }
  const Duration took = watch.read();
  expect(sum == count, "select chose nothing");
  co_return took;
}

Duration selects(std::uint64_t count) {
  return in_runtime(processors(), [&](Scope& root) { return choose(root.context(), count); });
}

}  // namespace

void add_channels(std::vector<Benchmark>& all) {
  constexpr std::uint64_t kValues = 10'000'000;
  constexpr std::uint64_t kRounds = 1'000'000;
  all.push_back({"channel/1:1/0", kValues, [] { return pass(1, 0, kValues); }});
  all.push_back({"channel/1:1/128", kValues, [] { return pass(1, 128, kValues); }});
  all.push_back({"channel/1:1/1024", kValues, [] { return pass(1, 1024, kValues); }});
  all.push_back({"channel/4:4/1024", kValues, [] { return pass(4, 1024, kValues); }});
  all.push_back({"ping_pong/same", kRounds, [] { return ping_pong(1, kRounds); }});
  all.push_back({"ping_pong/across", kRounds, [] { return ping_pong(2, kRounds); }});
  all.push_back({"select", kRounds, [] { return selects(kRounds); }});
}

}  // namespace weir::bench

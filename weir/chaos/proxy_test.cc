#include "weir/chaos/proxy.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>

#include "weir/chaos/internal/testing.h"
#include "weir/testing/leak_check.h"

namespace weir::chaos {
namespace {

using internal::Bed;
using internal::receive;
using internal::receive_all;
using internal::Received;
using internal::send;
using internal::was_reset;
using Client = Bed::Client;

Fault delay_of(Duration value, Direction direction = Direction::both) {
  return DelayFault{.delay = {.shape = testing::ConstantDelay{value}, .max = 24h}, .direction = direction};
}

std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                                                std::filesystem::directory_iterator()));
}

core::task<> send_and_end(core::Context& context, net::Socket& socket, const std::string& text) {
  EXPECT_TRUE(co_await send(context, socket, text));
  socket.shutdown_write();
}

core::task<> pass_through(Client& client, std::uint64_t seed, int& passed) {
  const std::string text = internal::random_text((std::size_t{1} << 20) + seed * 977, seed);
  net::Socket socket = co_await client.connect();
  client.spawn(send_and_end(client.context(), socket, text));
  const Received received = co_await receive_all(client.context(), socket);
  EXPECT_EQ(received.text == text, true) << received.text.size() << " of " << text.size() << " bytes";
  EXPECT_TRUE(received.end_of_stream);
  ++passed;
}

TEST(Proxy, WithoutFaultsBytesAndEndsPassBothWays) {
  Bed bed({});
  bed.run([&](Client& client) -> core::task<> {
    int passed = 0;
    for (std::uint64_t i = 0; i < 6; ++i) co_await pass_through(client, i, passed);
    EXPECT_EQ(passed, 6);
    EXPECT_TRUE(co_await client.becomes([&] { return client.proxy().stats().open == 0; }));
    const Proxy::Stats stats = client.proxy().stats();
    EXPECT_EQ(stats.accepted, 6u);
    EXPECT_EQ(stats.bytes_up, stats.bytes_down);
  });
}

core::task<> pass_in_parallel(Client& client, core::Context& context, std::uint64_t seed,
                              std::atomic<int>& passed) {
  const std::string text = internal::random_text(200'000, seed);
  net::Socket socket = co_await client.connect();
  core::Limit sender({.name = "sender", .limit = 1});
  EXPECT_TRUE(co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
    scope.spawn(sender.try_acquire().value(), send_and_end(scope.context(), socket, text));
    const Received received = co_await receive_all(scope.context(), socket);
    if (received.text == text && received.end_of_stream) ++passed;
  }));
}

TEST(Proxy, ManyConnectionsAtOnceKeepTheirBytesApart) {
  Bed bed({});
  bed.run([&](Client& client) -> core::task<> {
    core::Limit clients({.name = "clients", .limit = 40});
    std::atomic<int> passed{0};
    EXPECT_TRUE(co_await core::with_scope(client.context(), [&](core::Scope& scope) -> core::task<> {
      for (std::uint64_t i = 0; i < 40; ++i) {
        scope.spawn(clients.try_acquire().value(), pass_in_parallel(client, scope.context(), i, passed));
      }
      co_return;
    }));
    EXPECT_EQ(passed, 40);
  });
}

TEST(Proxy, ADelayIsAtLeastAsLongAsAskedEachWay) {
  Bed bed({});
  bed.run([&](Client& client) -> core::task<> {
    net::Socket live = co_await client.connect();
    EXPECT_EQ(co_await client.exchange(live, "before"), "before");
    const FaultTally& tally = bed.begin(delay_of(20ms));
    net::Socket later = co_await client.connect();
    for (net::Socket* socket : {&live, &later}) {
      const TimePoint start = SystemClock::read();
      EXPECT_EQ(co_await client.exchange(*socket, "ping"), "ping");
      EXPECT_GE(SystemClock::read() - start, 39ms) << "a processor's clock is some microseconds old";
    }
    EXPECT_TRUE(co_await client.becomes([&] { return tally.figures().measured.count() == 4; }));
    const FaultFigures figures = tally.figures();
    EXPECT_EQ(figures.done, 2u);
    EXPECT_GE(figures.measured.min(), 19ms);
    EXPECT_EQ(figures.asked.max(), 20ms);
  });
}

TEST(Proxy, WhatADelayHoldsLeavesWhenItIsLifted) {
  Bed bed({});
  bed.run([&](Client& client) -> core::task<> {
    net::Socket socket = co_await client.connect();
    const FaultTally& tally = bed.begin(delay_of(10h, Direction::up));
    EXPECT_TRUE(co_await send(client.context(), socket, "held"));
    EXPECT_TRUE(co_await client.becomes([&] { return tally.figures().done == 1; }));
    EXPECT_TRUE(socket.is_quiet().value_or(false));
    bed.end();
    EXPECT_EQ((co_await receive(client.context(), socket, 4)).text, "held");
    EXPECT_EQ(tally.figures().measured.count(), 0u) << "it was not delayed for as long as was asked";
  });
}

TEST(Proxy, VaryingDelaysKeepTheOrder) {
  Bed bed({});
  bed.run([&](Client& client) -> core::task<> {
    net::Socket socket = co_await client.connect();
    bed.begin(DelayFault{.delay = {.shape = testing::UniformDelay{0ms, 3ms}}});
    std::string sent;
    std::string received;
    for (int i = 0; i < 200; ++i) {
      const std::string piece = std::to_string(i) + ";";
      sent += piece;
      EXPECT_TRUE(co_await send(client.context(), socket, piece));
      if (i % 20 == 0) received += (co_await receive(client.context(), socket, 2)).text;
    }
    received += (co_await receive(client.context(), socket, sent.size() - received.size())).text;
    EXPECT_EQ(received, sent);
  });
}

TEST(Proxy, AClientThatVanishesDuringADelayIsNotKept) {
  Bed bed({});
  bed.run([&](Client& client) -> core::task<> {
    const FaultTally& tally = bed.begin(delay_of(10h));
    net::Socket socket = co_await client.connect();
    EXPECT_TRUE(co_await send(client.context(), socket, "held"));
    EXPECT_TRUE(co_await client.becomes([&] { return tally.figures().done == 1; }));
    socket.abort();
    EXPECT_TRUE(co_await client.becomes([&] { return client.proxy().stats().open == 0; }));
  });
}

TEST(Proxy, ABandwidthIsNotExceededAndLosesNothing) {
  Bed bed({});
  bed.run([&](Client& client) -> core::task<> {
    const FaultTally& tally =
        bed.begin(BandwidthFault{.per_second = mebibytes(1), .direction = Direction::down});
    net::Socket socket = co_await client.connect();
    const std::string text = internal::random_text(200'000, 3);
    const TimePoint start = SystemClock::read();
    EXPECT_TRUE(co_await client.exchange(socket, text) == text);
    EXPECT_GE(SystemClock::read() - start, 150ms) << "200,000 bytes less what may leave at once";
    EXPECT_TRUE(co_await client.becomes([&] { return tally.figures().bytes == text.size(); }));
    EXPECT_EQ(tally.figures().done, 1u);
  });
}

TEST(Proxy, WhatABandwidthHoldsLeavesWhenItIsLifted) {
  Bed bed({});
  bed.run([&](Client& client) -> core::task<> {
    net::Socket socket = co_await client.connect();
    const FaultTally& tally = bed.begin(BandwidthFault{.per_second = Bytes{1}, .direction = Direction::up});
    const std::string text = internal::random_text(50'000, 4);
    EXPECT_TRUE(co_await send(client.context(), socket, text));
    EXPECT_TRUE(co_await client.becomes([&] { return tally.figures().done == 1; }));
    bed.end();
    EXPECT_TRUE((co_await receive(client.context(), socket, text.size())).text == text);
  });
}

TEST(Proxy, AResetReachesLiveConnectionsAndNewOnes) {
  Bed bed({});
  bed.run([&](Client& client) -> core::task<> {
    net::Socket live = co_await client.connect();
    EXPECT_EQ(co_await client.exchange(live, "fine"), "fine");
    const FaultTally& tally = bed.begin(ResetFault{});
    EXPECT_TRUE(was_reset(co_await receive_all(client.context(), live)));
    EXPECT_TRUE(co_await client.finds_reset());
    EXPECT_EQ(tally.figures().done, 2u);
    bed.end();
    net::Socket after = co_await client.connect();
    EXPECT_EQ(co_await client.exchange(after, "fine"), "fine");
  });
}

TEST(Proxy, AResetAfterBytesLetsSoManyPass) {
  Bed bed({});
  bed.run([&](Client& client) -> core::task<> {
    net::Socket socket = co_await client.connect();
    EXPECT_EQ(co_await client.exchange(socket, "uncounted"), "uncounted");
    bed.begin(ResetFault{.after = {.bytes = Bytes{16}}});
    EXPECT_EQ(co_await client.exchange(socket, "seven.."), "seven..");
    EXPECT_TRUE(co_await send(client.context(), socket, "over the sixteen"));
    EXPECT_TRUE(was_reset(co_await receive_all(client.context(), socket)));
  });
}

TEST(Proxy, OnlyTheNthConnectionIsHit) {
  Bed bed({});
  bed.run([&](Client& client) -> core::task<> {
    net::Socket first = co_await client.connect();
    EXPECT_EQ(co_await client.exchange(first, "1"), "1");
    const FaultTally& tally = bed.begin(RefuseFault{}, testing::Occurrence::nth(2));
    for (int i = 1; i <= 3; ++i) {
      EXPECT_EQ(co_await client.finds_reset("2"), i == 2) << i;
    }
    EXPECT_EQ(co_await client.exchange(first, "1"), "1");
    EXPECT_EQ(tally.figures().matched, 3u) << "one that was open before is no new one";
    EXPECT_EQ(tally.figures().done, 1u);
  });
}

// Which of the connections, one after the other, are refused.
std::string refused_with_seed(std::uint64_t seed) {
  std::string pattern;
  Bed bed({});
  bed.run([&](Client& client) -> core::task<> {
    bed.begin(RefuseFault{}, testing::Occurrence::share(0.5), seed);
    for (int i = 0; i < 30; ++i) {
      pattern += co_await client.finds_reset("x") ? 'r' : '.';
    }
  });
  return pattern;
}

TEST(Proxy, TheSameSeedHitsTheSameConnections) {
  const std::string pattern = refused_with_seed(7);
  EXPECT_EQ(pattern, refused_with_seed(7));
  EXPECT_NE(pattern, refused_with_seed(8));
  EXPECT_NE(pattern.find('r'), std::string::npos);
  EXPECT_NE(pattern.find('.'), std::string::npos);
}

TEST(Proxy, ABlackholeSwallowsAndItsEndResetsWhoLostSomething) {
  Bed bed({});
  bed.run([&](Client& client) -> core::task<> {
    net::Socket loses = co_await client.connect();
    net::Socket idle = co_await client.connect();
    EXPECT_EQ(co_await client.exchange(loses, "a"), "a");
    EXPECT_EQ(co_await client.exchange(idle, "b"), "b");
    const FaultTally& tally = bed.begin(BlackholeFault{.direction = Direction::up});
    EXPECT_TRUE(co_await send(client.context(), loses, "swallowed"));
    EXPECT_TRUE(co_await client.becomes([&] { return tally.figures().bytes == 9; }));
    EXPECT_TRUE(loses.is_quiet().value_or(false));
    bed.end();
    EXPECT_TRUE(was_reset(co_await receive_all(client.context(), loses)));
    EXPECT_EQ(co_await client.exchange(idle, "b"), "b");
    EXPECT_EQ(tally.figures().done, 1u);
  });
}

TEST(Proxy, AHungConnectionIsServedWhenTheFaultEnds) {
  Bed bed({});
  bed.run([&](Client& client) -> core::task<> {
    net::Socket live = co_await client.connect();
    EXPECT_EQ(co_await client.exchange(live, "1"), "1");
    const FaultTally& tally = bed.begin(HangFault{});
    net::Socket hung = co_await client.connect();
    EXPECT_TRUE(co_await send(client.context(), hung, "2"));
    EXPECT_TRUE(co_await client.becomes([&] { return tally.figures().done == 1; }));
    EXPECT_EQ(co_await client.exchange(live, "1"), "1");
    EXPECT_EQ(bed.upstream_accepted(), 1u);
    bed.end();
    EXPECT_EQ((co_await receive(client.context(), hung, 1)).text, "2");
  });
}

TEST(Proxy, ATruncatedStreamEndsInGoodOrderAfterItsBytes) {
  Bed bed({});
  bed.run([&](Client& client) -> core::task<> {
    net::Socket live = co_await client.connect();
    EXPECT_EQ(co_await client.exchange(live, "before"), "before");
    bed.begin(TruncateFault{.after = Bytes{5}});
    net::Socket later = co_await client.connect();
    for (net::Socket* socket : {&live, &later}) {
      EXPECT_TRUE(co_await send(client.context(), *socket, "0123456789"));
      const Received received = co_await receive_all(client.context(), *socket);
      EXPECT_EQ(received.text, "01234");
      EXPECT_TRUE(received.end_of_stream);
    }
  });
}

TEST(Proxy, APartitionLosesNothing) {
  Bed bed({});
  bed.run([&](Client& client) -> core::task<> {
    net::Socket live = co_await client.connect();
    EXPECT_EQ(co_await client.exchange(live, "1"), "1");
    const FaultTally& tally = bed.begin(PartitionFault{});
    EXPECT_TRUE(co_await client.becomes([&] { return tally.figures().done == 1; }));
    EXPECT_TRUE(co_await send(client.context(), live, "kept"));
    net::Socket later = co_await client.connect();  // by the kernel
    EXPECT_TRUE(co_await send(client.context(), later, "too"));
    for (int i = 0; i < 1000; ++i) co_await core::yield();
    EXPECT_TRUE(live.is_quiet().value_or(false));
    EXPECT_EQ(client.proxy().stats().accepted, 1u);
    bed.end();
    EXPECT_EQ((co_await receive(client.context(), live, 4)).text, "kept");
    EXPECT_EQ((co_await receive(client.context(), later, 3)).text, "too");
  });
}

TEST(Proxy, FaultsTogetherAllHold) {
  Bed bed({});
  bed.run([&](Client& client) -> core::task<> {
    const FaultTally& slow = bed.begin(delay_of(5ms));
    const FaultTally& narrow = bed.begin(BandwidthFault{.per_second = mebibytes(4)});
    net::Socket socket = co_await client.connect();
    const std::string text = internal::random_text(100'000, 9);
    EXPECT_TRUE(co_await client.exchange(socket, text) == text);
    EXPECT_EQ(slow.figures().done, 1u);
    EXPECT_TRUE(co_await client.becomes([&] { return narrow.figures().bytes == 2 * text.size(); }));
  });
}

TEST(Proxy, MoreConnectionsThanAllowedAreReset) {
  Bed bed({.connections_max = 2});
  bed.run([&](Client& client) -> core::task<> {
    net::Socket first = co_await client.connect();
    net::Socket second = co_await client.connect();
    EXPECT_EQ(co_await client.exchange(first, "1"), "1");
    EXPECT_EQ(co_await client.exchange(second, "2"), "2");
    EXPECT_TRUE(co_await client.finds_reset());
    EXPECT_EQ(client.proxy().stats().refused, 1u);
    first.close();
    EXPECT_TRUE(co_await client.becomes([&] { return client.proxy().stats().open == 1; }));
    net::Socket fourth = co_await client.connect();
    EXPECT_EQ(co_await client.exchange(fourth, "4"), "4");
  });
}

TEST(Proxy, AnUpstreamThatRefusesIsAResetForTheClient) {
  Bed bed({.upstream_refuses = true});
  bed.run([&](Client& client) -> core::task<> {
    EXPECT_TRUE(co_await client.finds_reset());
    EXPECT_EQ(client.proxy().stats().unreachable, 1u);
  });
}

TEST(Proxy, ADrainLetsWhatIsOpenEnd) {
  Bed bed({});
  bed.run([&](Client& client) -> core::task<> {
    net::Socket socket = co_await client.connect();
    EXPECT_EQ(co_await client.exchange(socket, "1"), "1");
    client.proxy().drain();
    EXPECT_EQ(co_await client.exchange(socket, "2"), "2");
    socket.close();
    EXPECT_TRUE(co_await client.becomes([&] { return client.proxy().stats().open == 0; }));
  });
}

TEST(Proxy, CutOffInEveryFaultItLeavesNeitherTaskNorDescriptor) {
  const testing::LeakCheck leaks;
  const std::size_t before = open_descriptors();
  const std::vector<Fault> faults{delay_of(10h), BandwidthFault{.per_second = Bytes{1}}, BlackholeFault{},
                                  HangFault{}, PartitionFault{}};
  for (const Fault& fault : faults) {
    Bed bed({});
    bed.run([&](Client& client) -> core::task<> {
      net::Socket live = co_await client.connect();
      EXPECT_EQ(co_await client.exchange(live, "live"), "live");
      const FaultTally& tally = bed.begin(fault);
      net::Socket later = co_await client.connect();
      EXPECT_TRUE(co_await send(client.context(), live, "more"));
      EXPECT_TRUE(co_await send(client.context(), later, "more"));
      EXPECT_TRUE(co_await client.becomes([&] { return tally.figures().done >= 1; })) << fault_name(fault);
    });
  }
  EXPECT_EQ(leaks.leaked(), "");
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace weir::chaos

#include "weir/core/descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>

#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"

namespace weir::core {
namespace {

using internal::Baton;
using internal::ManualClock;
using internal::Spawner;
using internal::Watchdog;

// One processor and a clock that stands still.
class DescriptorTest : public ::testing::Test {
 protected:
  struct Pair {
    Descriptor near;
    Descriptor far;
  };

  template <typename Body>
  void run(Body body) {
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> { co_await body(root); }));
  }

  static Pair connect() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
    return {Descriptor::adopt(fds[0]).value(), Descriptor::adopt(fds[1]).value()};
  }

  static void send(const Descriptor& to, char byte = 'x') { EXPECT_EQ(::write(to.fd(), &byte, 1), 1); }
  static std::optional<char> try_receive(const Descriptor& from) {
    char byte = 0;
    const ssize_t got = ::read(from.fd(), &byte, 1);
    if (got == 1) return byte;
    EXPECT_TRUE(got == 0 || errno == EAGAIN);
    return std::nullopt;
  }
  static task<std::optional<char>> receive(Context& context, Descriptor& from) {
    for (;;) {
      if (const std::optional<char> byte = try_receive(from)) co_return byte;
      if (!co_await from.readable(context)) co_return std::nullopt;
    }
  }
  // Takes whatever readiness is there from before.
  static task<> forget_readiness(Context& context, Descriptor& of) {
    Context now(context, TimePoint{});
    while (co_await of.readable(now)) {
    }
    while (co_await of.writable(now)) {
    }
  }
  // Long enough for events to be fetched: a busy processor looks every 61st task.
  static task<> let_events_arrive() { return internal::settle(130); }

  static task<> wait_readable(Context& context, Descriptor& of, TimePoint deadline,
                              std::optional<Result<>>& outcome) {
    outcome = co_await of.readable(context, deadline);
  }

  const Watchdog watchdog_{"a descriptor"};
  ManualClock clock_;
  Runtime runtime_{{.processors = 1, .clock = &clock_}};
  Spawner spawn_;
};

TEST_F(DescriptorTest, AReaderIsWokenByData) {
  run([&](Scope& root) -> task<> {
    Pair pair = connect();
    const auto sender = [](Descriptor& to) -> task<> {
      co_await internal::settle();
      send(to, 'a');
    };
    spawn_(root, sender(pair.far));
    EXPECT_EQ(co_await receive(root.context(), pair.near), 'a');
  });
}

TEST_F(DescriptorTest, DataThatCameBeforeTheWaitEndsItAtOnce) {
  run([&](Scope& root) -> task<> {
    Pair pair = connect();
    co_await forget_readiness(root.context(), pair.near);
    send(pair.far);
    co_await let_events_arrive();
    EXPECT_TRUE(co_await pair.near.readable(root.context()));
    EXPECT_EQ(try_receive(pair.near), 'x');
  });
}

TEST_F(DescriptorTest, AWriterWaitsForRoom) {
  run([&](Scope& root) -> task<> {
    Pair pair = connect();
    const std::string block(4096, 'b');
    std::size_t sent = 0;
    for (ssize_t n = 0; (n = ::write(pair.near.fd(), block.data(), block.size())) > 0;) {
      sent += static_cast<std::size_t>(n);
    }
    EXPECT_EQ(errno, EAGAIN);
    co_await forget_readiness(root.context(), pair.near);
    const auto drain = [](Context& context, Descriptor& from, std::size_t count) -> task<> {
      co_await internal::settle();
      for (; count > 0; --count) EXPECT_TRUE(co_await receive(context, from));
    };
    spawn_(root, drain(root.context(), pair.far, sent));
    EXPECT_TRUE(co_await pair.near.writable(root.context()));
    EXPECT_GT(::write(pair.near.fd(), block.data(), 1), 0);
  });
}

TEST_F(DescriptorTest, ADeadlineEndsAWaitAndLaterDataIsNotLost) {
  run([&](Scope& root) -> task<> {
    Pair pair = connect();
    co_await forget_readiness(root.context(), pair.near);
    std::optional<Result<>> outcome;
    spawn_(root, wait_readable(root.context(), pair.near, clock_.now() + 10ms, outcome));
    co_await internal::settle();
    EXPECT_FALSE(outcome.has_value());
    clock_.advance(11ms);
    co_await internal::settle();
    EXPECT_EQ(outcome.value().error().kind, ErrorKind::deadline);
    EXPECT_EQ(outcome.value().error().where, "io");
    send(pair.far);
    EXPECT_EQ(co_await receive(root.context(), pair.near), 'x');
  });
}

// The event comes when the waiter is decided and has not left yet.
TEST_F(DescriptorTest, DataThatMeetsADeadlineIsLeftForTheNextWait) {
  run([&](Scope& root) -> task<> {
    Pair pair = connect();
    co_await forget_readiness(root.context(), pair.near);
    Context context(root.context());
    std::optional<Result<>> outcome;
    spawn_(root, wait_readable(context, pair.near, kNever, outcome));
    co_await internal::settle();
    send(pair.far);
    context.cancel();  // before the event is fetched
    co_await let_events_arrive();
    EXPECT_EQ(outcome.value().error().kind, ErrorKind::cancelled);
    EXPECT_TRUE(co_await pair.near.readable(root.context()));
    EXPECT_EQ(try_receive(pair.near), 'x');
  });
}

TEST_F(DescriptorTest, ServesBothDirectionsAtOnce) {
  run([&](Scope& root) -> task<> {
    Pair pair = connect();
    std::optional<Result<>> readable;
    spawn_(root, wait_readable(root.context(), pair.near, kNever, readable));
    EXPECT_TRUE(co_await pair.near.writable(root.context()));
    send(pair.near);
    send(pair.far);
    co_await let_events_arrive();
    EXPECT_TRUE(readable.value());
  });
}

TEST_F(DescriptorTest, HangUpEndsWaitsAndCancelsTheContextThatAskedForIt) {
  for (const bool half : {false, true}) {
    Runtime runtime({.processors = 1});
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      Pair pair = connect();
      Context context(root.context());
      pair.near.cancel_on_hang_up(&context);
      co_await let_events_arrive();
      EXPECT_FALSE(context.cancelled());
      if (half) {
        EXPECT_EQ(::shutdown(pair.far.fd(), SHUT_WR), 0);
      } else {
        pair.far.close();
      }
      Baton never;
      EXPECT_EQ((co_await never.wait(context)).error().kind, ErrorKind::cancelled);
      EXPECT_TRUE(co_await pair.near.readable(root.context()));
      EXPECT_EQ(try_receive(pair.near), std::nullopt) << "the end of the stream";
      pair.near.cancel_on_hang_up(nullptr);

      Context later(root.context());
      pair.near.cancel_on_hang_up(&later);
      EXPECT_TRUE(later.cancelled()) << "it hung up before";
      pair.near.cancel_on_hang_up(nullptr);
    }));
  }
}

TEST_F(DescriptorTest, HangUpCancelsNoContextThatNoLongerAsks) {
  run([&](Scope& root) -> task<> {
    Pair pair = connect();
    Context context(root.context());
    pair.near.cancel_on_hang_up(&context);
    pair.near.cancel_on_hang_up(nullptr);
    pair.far.close();
    co_await let_events_arrive();
    EXPECT_FALSE(context.cancelled());
  });
}

TEST_F(DescriptorTest, IsOwnedByOneAndClosedByItsEnd) {
  run([&](Scope&) -> task<> {
    int fd = -1;
    {
      Pair pair = connect();
      fd = pair.near.fd();
      Descriptor moved = std::move(pair.near);
      EXPECT_FALSE(pair.near.is_open());
      EXPECT_EQ(moved.fd(), fd);
      EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
      moved = std::move(pair.far);
      EXPECT_EQ(::fcntl(fd, F_GETFD), -1) << "what it held before is closed";
      fd = moved.fd();
      moved.close();
      moved.close();
      EXPECT_FALSE(moved.is_open());
    }
    EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
    co_return;
  });
}

TEST_F(DescriptorTest, WhatEpollCannotWatchIsRefusedAndClosed) {
  run([&](Scope&) -> task<> {
    std::FILE* file = std::tmpfile();
    const int fd = ::dup(::fileno(file));
    const Result<Descriptor> refused = Descriptor::adopt(fd);
    EXPECT_FALSE(refused);
    EXPECT_EQ(refused.error().system_code, EPERM);
    EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
    std::fclose(file);
    EXPECT_FALSE(Descriptor::adopt(-1));
    co_return;
  });
}

TEST_F(DescriptorTest, IsKnownToBeQuietOnceItsPollerHasLooked) {
  run([&](Scope& root) -> task<> {
    auto [near, far] = connect();
    co_await forget_readiness(root.context(), near);
    const std::uint64_t mark = near.quiet_mark();
    EXPECT_FALSE(near.quiet_since(mark)) << "nobody has looked yet";
    co_await let_events_arrive();
    EXPECT_TRUE(near.quiet_since(mark));
    EXPECT_FALSE(near.quiet_since(near.quiet_mark()));
  });
}

TEST_F(DescriptorTest, IsNotQuietOnceSomethingHasCome) {
  run([&](Scope&) -> task<> {
    auto [near, far] = connect();
    const std::uint64_t mark = near.quiet_mark();
    send(far);
    co_await let_events_arrive();
    EXPECT_FALSE(near.quiet_since(mark));
  });
}

TEST_F(DescriptorTest, IsNotQuietOnceItsPeerHasGone) {
  run([&](Scope& root) -> task<> {
    auto [near, far] = connect();
    const std::uint64_t mark = near.quiet_mark();
    far.close();
    co_await let_events_arrive();
    EXPECT_EQ(try_receive(near), std::nullopt);
    EXPECT_TRUE(co_await near.readable(root.context()));
    EXPECT_FALSE(near.quiet_since(mark)) << "also after the end was read";
  });
}

TEST_F(DescriptorTest, IsNotTakenForQuietByALookOfLongAgo) {
  run([&](Scope& root) -> task<> {
    auto [near, far] = connect();
    co_await forget_readiness(root.context(), near);
    const std::uint64_t mark = near.quiet_mark();
    co_await let_events_arrive();
    EXPECT_TRUE(near.quiet_since(mark));
    clock_.advance(10ms);
    EXPECT_FALSE(near.quiet_since(mark)) << "something may have come";
    co_await let_events_arrive();
    EXPECT_TRUE(near.quiet_since(mark)) << "it has looked again";
  });
}

}  // namespace
}  // namespace weir::core

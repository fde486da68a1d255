// Descriptors between processors: edges that must not be lost, and events of
// descriptors that are gone which must not reach those that came after.
#include "weir/core/descriptor.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <random>
#include <string>

#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"

namespace weir::core {
namespace {

using internal::print_seed;
using internal::Spawner;
using internal::stress_span;
using internal::Watchdog;

struct Pair {
  Descriptor near;
  Descriptor far;
};

// Each end on the poller of a processor of its own.
Pair connect(unsigned near_on, unsigned far_on) {
  std::array<int, 2> fds{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
  return {Descriptor::adopt(fds[0], near_on).value(), Descriptor::adopt(fds[1], far_on).value()};
}

// The number of bytes; 0: the end of the stream.
task<std::size_t> receive(Context& context, Descriptor& from, char* buffer, std::size_t size) {
  for (;;) {
    const ssize_t got = ::read(from.fd(), buffer, size);
    if (got >= 0) co_return static_cast<std::size_t>(got);
    EXPECT_EQ(errno, EAGAIN);
    EXPECT_TRUE(co_await from.readable(context));
  }
}

task<> send(Context& context, Descriptor& to, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(to.fd(), bytes, size, MSG_NOSIGNAL);
    if (sent < 0) {
      EXPECT_EQ(errno, EAGAIN);
      EXPECT_TRUE(co_await to.writable(context));
      continue;
    }
    bytes += sent;
    size -= static_cast<std::size_t>(sent);
  }
}

task<> echo(Context& context, Descriptor& descriptor) {
  char byte = 0;
  while (co_await receive(context, descriptor, &byte, 1) > 0) co_await send(context, descriptor, &byte, 1);
}

task<> play(Context& context, Spawner& spawn, Pair pair, TimePoint end) {
  EXPECT_TRUE(co_await with_scope(context, [&](Scope& scope) -> task<> {
    spawn(scope, echo(scope.context(), pair.far));
    char byte = 'x';
    do {
      co_await send(scope.context(), pair.near, &byte, 1);
      EXPECT_EQ(co_await receive(scope.context(), pair.near, &byte, 1), 1u);
    } while (SystemClock::read() < end);
    EXPECT_EQ(::shutdown(pair.near.fd(), SHUT_WR), 0);
  }));
}

TEST(DescriptorStress, NoEdgeIsLostBetweenProcessors) {
  for (const unsigned processors : {1u, 2u, 4u}) {
    const Watchdog watchdog("sockets on " + std::to_string(processors) + " processors");
    Runtime runtime({.processors = processors});
    Spawner spawn;
    const TimePoint end = SystemClock::read() + stress_span() / 3;
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      for (unsigned line = 0; line < 3; ++line) {
        spawn(root, play(root.context(), spawn, connect(line % processors, (line + 1) % processors), end));
      }
      co_return;
    }));
  }
}

// Bytes that count up, in pieces of any size, both ways at once.
class Stream {
 public:
  explicit Stream(std::uint64_t seed) : random_(seed) {}

  void run() {
    Runtime runtime({.processors = 3});
    EXPECT_TRUE(runtime.run([this](Scope& root) -> task<> {
      // All seeds are drawn here: the lines run at the same time.
      for (unsigned line = 0; line < 2; ++line) {
        spawn_(root, both_ways(root.context(), line, std::mt19937_64(random_())));
      }
      co_return;
    }));
    EXPECT_EQ(wrong_, 0);
    EXPECT_GT(received_, 0u);
    EXPECT_EQ(received_, sent_);
  }

 private:
  static constexpr std::size_t kPieceMax = 100'000;

  task<> both_ways(Context& context, unsigned line, std::mt19937_64 random) {
    Pair pair = connect(line, line + 1);
    EXPECT_TRUE(co_await with_scope(context, [&](Scope& scope) -> task<> {
      for (Descriptor* end : {&pair.near, &pair.far}) {
        spawn_(scope, write_all(scope.context(), *end, random()));
        spawn_(scope, read_all(scope.context(), *end, random()));
      }
      co_return;
    }));
  }

  task<> write_all(Context& context, Descriptor& to, std::uint64_t seed) {
    std::minstd_rand random(static_cast<std::minstd_rand::result_type>(seed));
    std::uint64_t at = 0;
    while (SystemClock::read() < end_) {
      std::string piece(1 + random() % (random() % 4 == 0 ? kPieceMax : 100), '\0');
      for (char& byte : piece) byte = static_cast<char>(at++ % 251);
      co_await send(context, to, piece.data(), piece.size());
    }
    sent_.fetch_add(at);
    EXPECT_EQ(::shutdown(to.fd(), SHUT_WR), 0);
  }

  task<> read_all(Context& context, Descriptor& from, std::uint64_t seed) {
    std::minstd_rand random(static_cast<std::minstd_rand::result_type>(seed));
    std::string buffer(kPieceMax, '\0');
    std::uint64_t at = 0;
    while (const std::size_t got = co_await receive(context, from, buffer.data(),
                                                    1 + random() % (random() % 4 == 0 ? kPieceMax : 100))) {
      for (std::size_t i = 0; i < got; ++i) wrong_ += buffer[i] == static_cast<char>(at++ % 251) ? 0 : 1;
    }
    received_.fetch_add(at);
  }

  std::mt19937_64 random_;
  Spawner spawn_;
  const TimePoint end_ = SystemClock::read() + stress_span();
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> received_{0};
  std::atomic<int> wrong_{0};
};

TEST(DescriptorStress, StreamsArriveWholeAndInOrder) {
  const Watchdog watchdog("streams");
  Stream(print_seed()).run();
}

// The far end hangs up and the near end closes at the same time: the event may
// be on its way while the next pair is opened on the same state.
class Reopening {
 public:
  void run() {
    Runtime runtime({.processors = kProcessors});
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      for (unsigned line = 0; line < kProcessors; ++line) spawn_(root, reopen(root.context(), line));
      co_return;
    }));
    EXPECT_EQ(cancelled_, 0);
    EXPECT_EQ(unready_, 0);
  }

 private:
  static constexpr unsigned kProcessors = 3;

  task<> reopen(Context& parent, unsigned line) {
    for (unsigned round = 0; SystemClock::read() < end_; ++round) {
      // Events of the near end come on another processor than this task's.
      Pair pair = connect((line + round) % kProcessors, line);
      Context context(parent);
      pair.near.cancel_on_hang_up(&context);
      // A fresh socket is writable, and nothing else has happened to it.
      if (!co_await pair.near.writable(context)) unready_.fetch_add(1);
      char byte = 'x';
      co_await send(parent, pair.far, &byte, 1);
      EXPECT_EQ(co_await receive(parent, pair.near, &byte, 1), 1u);
      if (context.cancelled()) cancelled_.fetch_add(1);
      pair.far.close();
      if (round % 4 == 0) co_await yield();
      pair.near.cancel_on_hang_up(nullptr);
      pair.near.close();
    }
  }

  Spawner spawn_;
  const TimePoint end_ = SystemClock::read() + stress_span();
  std::atomic<int> cancelled_{0};
  std::atomic<int> unready_{0};
};

TEST(DescriptorStress, EventsOfAClosedDescriptorNeverReachTheNext) {
  const Watchdog watchdog("reopening");
  Reopening().run();
}

}  // namespace
}  // namespace weir::core

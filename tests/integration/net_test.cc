// Sockets and listeners: both ends ours, or ours against a scripted one.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "tests/integration/bad_upstream.h"
#include "weir/base/sanitizers.h"
#include "weir/core/limit.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"
#include "weir/net/listener.h"
#include "weir/net/socket.h"

namespace weir::testing {
namespace {

using core::Context;
using core::Runtime;
using core::Scope;
using core::task;
using net::Listener;
using net::Socket;
using net::SocketAddress;

const SocketAddress kLoopback = *SocketAddress::parse("127.0.0.1:0");

net::ConstBuffer bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// Up to the end of the stream, or the first error.
task<std::string> read_to_end(Context& context, Socket& socket) {
  std::string text;
  std::array<std::byte, 4096> buffer;
  for (;;) {
    const Result<std::size_t> count = co_await socket.read(context, buffer);
    if (!count || *count == 0) co_return text;
    text.append(reinterpret_cast<const char*>(buffer.data()), *count);
  }
}

// Runs `body` in a runtime; true when nothing failed.
template <typename Body>
bool run(Body body, unsigned processors = 2) {
  Runtime runtime({.processors = processors});
  return runtime.run(std::move(body)).has_value();
}

TEST(Socket, BytesTravelBothWaysAndTheEndIsSeen) {
  for (const char* text : {"127.0.0.1:0", "[::1]:0"}) {
    EXPECT_TRUE(run([&](Scope& root) -> task<> {
      Context& context = root.context();
      Result<Listener> listener = Listener::open(*SocketAddress::parse(text), {});
      if (!listener) {
        ADD_FAILURE() << listener.error().message();
        co_return;
      }
      Result<Socket> near = co_await Socket::connect(context, listener->local());
      Result<Socket> far = co_await listener->accept(context);
      if (!near || !far) {
        ADD_FAILURE() << text;
        co_return;
      }
      EXPECT_EQ(near->peer(), listener->local());
      EXPECT_EQ(near->local(), far->peer());
      EXPECT_EQ(far->local(), near->peer());

      EXPECT_TRUE(co_await near->write_all(context, bytes_of("ping")));
      near->shutdown_write();
      EXPECT_EQ(co_await read_to_end(context, *far), "ping");
      EXPECT_TRUE(co_await far->write_all(context, bytes_of("pong")));
      far->close();
      EXPECT_EQ(co_await read_to_end(context, *near), "pong");
    }));
  }
}

TEST(Socket, ManyBuffersArriveInOrderThoughTheKernelTakesThemInParts) {
  std::vector<std::string> parts;
  std::string whole;
  for (int i = 0; i < 100; ++i)
    whole += parts.emplace_back(static_cast<std::size_t>(i) * 1000, static_cast<char>('a' + i % 26));
  std::string got;
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    got = peer.read_bytes(whole.size());
    peer.write("ok");
  });
  EXPECT_TRUE(run([&](Scope& root) -> task<> {
    Context& context = root.context();
    Result<Socket> socket = co_await Socket::connect(context, upstream.address());
    if (!socket) {
      ADD_FAILURE();
      co_return;
    }
    std::vector<net::ConstBuffer> buffers;
    for (const std::string& part : parts) buffers.push_back(bytes_of(part));
    EXPECT_TRUE(co_await socket->write_all(context, buffers));
    EXPECT_EQ(co_await read_to_end(context, *socket), "ok");
  }));
  EXPECT_EQ(got, whole);
}

TEST(Socket, WhatWouldWaitSaysSo) {
  std::atomic<bool> go{false};
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    go.wait(false);
    peer.write("x");
  });
  EXPECT_TRUE(run([&](Scope& root) -> task<> {
    Result<Socket> socket = co_await Socket::connect(root.context(), upstream.address());
    if (!socket) {
      ADD_FAILURE();
      co_return;
    }
    std::array<std::byte, 16> buffer;
    const auto nothing = socket->try_read(buffer);
    EXPECT_TRUE(nothing && !nothing->has_value());
    EXPECT_EQ(socket->is_quiet(), true);

    const std::string large(1 << 20, 'x');
    std::size_t taken = 0;
    for (;;) {
      const auto sent = socket->try_write(bytes_of(large));
      if (!sent) {
        ADD_FAILURE() << sent.error().message();
        co_return;
      }
      if (!sent->has_value()) break;
      taken += **sent;
    }
    EXPECT_GT(taken, 0u);
    go = true;
    go.notify_all();
    EXPECT_TRUE(co_await socket->readable(root.context()));
    EXPECT_EQ(socket->is_quiet(), false);
    const auto one = socket->try_read(buffer);
    EXPECT_TRUE(one && *one == 1u);
  }));
}

TEST(Socket, ADeadlineEndsAReadAndAWriteThatWait) {
  std::atomic<bool> done{false};
  BadUpstream upstream([&](BadUpstream::Peer&) { done.wait(false); });
  EXPECT_TRUE(run([&](Scope& root) -> task<> {
    Result<Socket> socket = co_await Socket::connect(root.context(), upstream.address());
    if (!socket) {
      ADD_FAILURE();
      co_return;
    }
    std::array<std::byte, 16> buffer;
    const Result<std::size_t> read = co_await socket->read(root.context(), buffer, core::now() + 5ms);
    EXPECT_TRUE(!read && read.error().kind == ErrorKind::deadline);
    const std::string large(32 << 20, 'x');
    const Result<> written = co_await socket->write_all(root.context(), bytes_of(large), core::now() + 20ms);
    EXPECT_TRUE(!written && written.error().kind == ErrorKind::deadline);
  }));
  done = true;
  done.notify_all();
}

TEST(Socket, ConnectingToAPortThatRefusesIsRefused) {
  const RefusingPort port;
  EXPECT_TRUE(run([&](Scope& root) -> task<> {
    const Result<Socket> socket = co_await Socket::connect(root.context(), port.address());
    if (socket) {
      ADD_FAILURE();
      co_return;
    }
    EXPECT_EQ(socket.error().kind, ErrorKind::disconnected);
    EXPECT_EQ(socket.error().reason, Reason::refused);
  }));
}

TEST(Socket, ConnectingIsGivenUpAtTheDeadline) {
  const SilentPort port;
  const std::size_t descriptors = open_descriptors();
  EXPECT_TRUE(run([&](Scope& root) -> task<> {
    const Result<Socket> socket =
        co_await Socket::connect(root.context(), port.address(), core::now() + 10ms);
    if (socket) {
      ADD_FAILURE();
      co_return;
    }
    EXPECT_EQ(socket.error().kind, ErrorKind::deadline);
  }));
  EXPECT_EQ(open_descriptors(), descriptors);
}

TEST(Socket, AResetByThePeerIsAnErrorOfReadAndOfWrite) {
  BadUpstream upstream([](BadUpstream::Peer& peer) {
    peer.read_some();
    peer.reset();
  });
  EXPECT_TRUE(run([&](Scope& root) -> task<> {
    Result<Socket> socket = co_await Socket::connect(root.context(), upstream.address());
    if (!socket) {
      ADD_FAILURE();
      co_return;
    }
    EXPECT_TRUE(co_await socket->write_all(root.context(), bytes_of("go")));
    std::array<std::byte, 16> buffer;
    const Result<std::size_t> read = co_await socket->read(root.context(), buffer);
    EXPECT_TRUE(!read && read.error().reason == Reason::reset);
    const Result<> written = co_await socket->write_all(root.context(), bytes_of("late"));
    EXPECT_TRUE(!written && written.error().kind == ErrorKind::disconnected &&
                written.error().reason == Reason::reset);
  }));
}

TEST(Socket, AbortIsAResetForThePeer) {
  EXPECT_TRUE(run([&](Scope& root) -> task<> {
    Context& context = root.context();
    Result<Listener> listener = Listener::open(kLoopback, {});
    Result<Socket> near = co_await Socket::connect(context, listener->local());
    Result<Socket> far = co_await listener->accept(context);
    if (!near || !far) {
      ADD_FAILURE();
      co_return;
    }
    near->abort();
    EXPECT_FALSE(near->is_open());
    std::array<std::byte, 16> buffer;
    const Result<std::size_t> read = co_await far->read(context, buffer);
    EXPECT_TRUE(!read && read.error().reason == Reason::reset);
  }));
}

TEST(Socket, ItIsNotDelayedAndNotInherited) {
  EXPECT_TRUE(run([&](Scope& root) -> task<> {
    Context& context = root.context();
    Result<Listener> listener = Listener::open(kLoopback, {});
    Result<Socket> near = co_await Socket::connect(context, listener->local());
    Result<Socket> far = co_await listener->accept(context);
    if (!near || !far) {
      ADD_FAILURE();
      co_return;
    }
    for (Socket* socket : {&*near, &*far}) {
      const int fd = socket->descriptor().fd();
      int on = 0;
      socklen_t size = sizeof on;
      EXPECT_EQ(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
      EXPECT_EQ(on, 1);
      EXPECT_EQ(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
      EXPECT_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    }
  }));
}

// Of `socket`, until the kernel takes no more.
std::size_t fill(Socket& socket) {
  const std::string large(1 << 20, 'x');
  std::size_t taken = 0;
  for (;;) {
    const auto sent = socket.try_write(bytes_of(large));
    EXPECT_TRUE(sent);
    if (!sent || !sent->has_value()) return taken;
    taken += **sent;
  }
}

TEST(Listener, ForAPeerThatTakesNothingTheKernelHoldsLittleUntilItIsToldOtherwise) {
  static constexpr std::size_t kLittle = 1 << 20;
  EXPECT_TRUE(run([](Scope& root) -> task<> {
    Context& context = root.context();
    Result<Listener> listener = Listener::open(kLoopback, {});
    Result<Socket> far = co_await Socket::connect(context, listener->local());
    Result<Socket> near = co_await listener->accept(context);
    if (!far || !near) {
      ADD_FAILURE();
      co_return;
    }
    EXPECT_LT(fill(*near), kLittle);
    near->hold_more();
    EXPECT_GT(fill(*near), 0u);
    // As it is for who has connected.
    EXPECT_GT(fill(*far), kLittle);
  }));
}

TEST(Listener, APortThatIsTakenIsRefusedAlsoToThoseWhoWouldShareIt) {
  EXPECT_TRUE(run([](Scope&) -> task<> {
    const Result<std::vector<Listener>> ours = net::open_on_every_processor(kLoopback);
    if (!ours) {
      ADD_FAILURE() << ours.error().message();
      co_return;
    }
    const SocketAddress taken = ours->front().local();
    const Result<std::vector<Listener>> theirs = net::open_on_every_processor(taken);
    if (theirs) {
      ADD_FAILURE();
      co_return;
    }
    EXPECT_EQ(theirs.error().system_code, EADDRINUSE);
    const Result<Listener> single = Listener::open(taken, {});
    EXPECT_TRUE(!single && single.error().system_code == EADDRINUSE);
  }));
}

TEST(Listener, AnAddressThatIsNotOursIsRefused) {
  EXPECT_TRUE(run([](Scope&) -> task<> {
    const Result<Listener> listener = Listener::open(*SocketAddress::parse("192.0.2.1:0"), {});
    EXPECT_TRUE(!listener && listener.error().system_code == EADDRNOTAVAIL);
    co_return;
  }));
}

// Accepts until it is cancelled.
task<> count_accepted(Context& context, Listener& listener, std::atomic<int>& accepted) {
  while (co_await listener.accept(context)) accepted.fetch_add(1);
}

TEST(Listener, OnEveryProcessorEachListenerHasItsShareOfOnePort) {
  constexpr int kConnections = 400;
  constexpr unsigned kProcessors = 2;
  core::Limit limit({.name = "acceptors", .limit = kProcessors});
  std::array<std::atomic<int>, kProcessors> accepted{};
  EXPECT_TRUE(run(
      [&](Scope& root) -> task<> {
        Result<std::vector<Listener>> listeners = net::open_on_every_processor(kLoopback);
        if (!listeners) {
          ADD_FAILURE() << listeners.error().message();
          co_return;
        }
        EXPECT_EQ(listeners->size(), kProcessors);
        (void)co_await core::with_scope(root.context(), [&](Scope& scope) -> task<> {
          for (unsigned i = 0; i < kProcessors; ++i) {
            EXPECT_EQ((*listeners)[i].local(), listeners->front().local());
            scope.spawn(std::move(*limit.try_acquire()),
                        count_accepted(scope.context(), (*listeners)[i], accepted[i]));
          }
          for (int i = 0; i < kConnections; ++i) {
            const Result<Socket> socket =
                co_await Socket::connect(scope.context(), listeners->front().local());
            EXPECT_TRUE(socket);
          }
          while (accepted[0] + accepted[1] < kConnections) co_await core::yield();
          scope.cancel();
        });
      },
      kProcessors));
  // The kernel spreads them by a hash: one side without any is beyond chance.
  EXPECT_GT(accepted[0], 0);
  EXPECT_GT(accepted[1], 0);
  EXPECT_EQ(accepted[0] + accepted[1], kConnections);
}

TEST(Listener, CancellingEndsAnAcceptThatWaits) {
  EXPECT_TRUE(run([](Scope& root) -> task<> {
    Result<Listener> listener = Listener::open(kLoopback, {});
    Context soon(root.context(), core::now() + 5ms);
    const Result<Socket> late = co_await listener->accept(soon);
    EXPECT_TRUE(!late && late.error().kind == ErrorKind::deadline);
    Context cancelled(root.context());
    cancelled.cancel();
    const Result<Socket> none = co_await listener->accept(cancelled);
    EXPECT_TRUE(!none && none.error().kind == ErrorKind::cancelled);
  }));
}

// Leaves this process no free descriptor while it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    // The lowest free number: nothing below it is free.
    const int lowest = ::dup(0);
    ::close(lowest);
    const rlimit none{.rlim_cur = static_cast<rlim_t>(lowest), .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

// Tests that take away all descriptors run on one thread: the sanitizers need a
// descriptor when another one starts.
constexpr unsigned kOneProcessor = 1;

TEST(Listener, WithoutDescriptorsItPausesAndLaterGoesOn) {
  if (kSanitized) GTEST_SKIP() << "the sanitizers need descriptors themselves";
  EXPECT_TRUE(run(
      [&](Scope& root) -> task<> {
        core::Limit limit({.name = "acceptor"});
        std::atomic<int> accepted{0};
        Result<Listener> listener = Listener::open(kLoopback, {});
        if (!listener) {
          ADD_FAILURE();
          co_return;
        }
        (void)co_await core::with_scope(root.context(), [&](Scope& scope) -> task<> {
          std::optional<NoDescriptors> none;
          // Connected in the kernel, not accepted yet.
          const Result<Socket> waiting = co_await Socket::connect(scope.context(), listener->local());
          EXPECT_TRUE(waiting);
          none.emplace();
          scope.spawn(std::move(*limit.try_acquire()), count_accepted(scope.context(), *listener, accepted));
          const TimePoint start = core::now();
          while (listener->pauses() < 2) co_await core::yield();
          EXPECT_EQ(accepted, 0);
          // Paused indeed: the second try comes well after the first.
          EXPECT_GE(core::now() - start, 40ms);
          none.reset();
          while (accepted == 0) co_await core::yield();
          scope.cancel();
        });
        EXPECT_EQ(accepted, 1);
      },
      kOneProcessor));
}

TEST(Socket, WithoutDescriptorsConnectingIsOverloaded) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.wait_gone(); });
  EXPECT_TRUE(run(
      [&](Scope& root) -> task<> {
        const NoDescriptors none;
        const Result<Socket> socket = co_await Socket::connect(root.context(), upstream.address());
        EXPECT_TRUE(!socket && socket.error().kind == ErrorKind::overloaded &&
                    socket.error().system_code == EMFILE);
      },
      kOneProcessor));
}

}  // namespace
}  // namespace weir::testing

// Ping-pong over TCP on loopback: client and server in one process.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "bench/harness.h"
#include "weir/core/limit.h"
#include "weir/net/listener.h"
#include "weir/net/socket.h"

namespace weir::bench {
namespace {

using core::Context;
using core::Scope;
using core::task;

using Message = std::array<std::byte, 16>;

template <typename T>
T sound(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// A short message may come in pieces all the same. There is room for more, as
// where messages are of any size: a read that does not fill it was the last.
task<bool> read_message(Context& context, net::Socket& socket, Message& message) {
  std::array<std::byte, 4 * sizeof(Message)> buffer;
  for (std::size_t have = 0; have < message.size();) {
    const Result<std::size_t> got = co_await socket.read(context, buffer);
    if (!got || *got == 0 || *got > message.size() - have) co_return false;
    std::copy_n(buffer.begin(), *got, message.begin() + static_cast<std::ptrdiff_t>(have));
    have += *got;
  }
  co_return true;
}

task<> echo(Context& context, net::Socket socket) {
  Message message{};
  while (co_await read_message(context, socket, message)) {
    if (!co_await socket.write_all(context, message)) co_return;
  }
}

task<> accept_all(Context& context, net::Listener listener, core::Limit& limit, Scope& scope) {
  for (;;) {
    Result<net::Socket> socket = co_await listener.accept(context);
    if (!socket) co_return;
    scope.spawn(sound(limit.try_acquire()), echo(context, std::move(*socket)));
  }
}

task<> play(Context& context, net::Socket& socket, std::uint64_t rounds) {
  Message message{};
  for (std::uint64_t i = 0; i < rounds; ++i) {
    sound(co_await socket.write_all(context, message));
    expect(co_await read_message(context, socket, message), "the server closed");
  }
}

// All connect first; the rounds alone are timed.
task<Duration> play_all(Context& context, const net::SocketAddress& server, std::uint64_t connections,
                        std::uint64_t rounds) {
  std::vector<net::Socket> sockets;
  for (std::uint64_t i = 0; i < connections; ++i) {
    sockets.push_back(sound(co_await net::Socket::connect(context, server)));
  }
  core::Limit limit({.name = "clients", .limit = connections});
  const Stopwatch watch;
  const Result<> played = co_await core::with_scope(context, [&](Scope& scope) -> task<> {
    for (net::Socket& socket : sockets) {
      scope.spawn(sound(limit.try_acquire()), play(scope.context(), socket, rounds / connections));
    }
    co_return;
  });
  const Duration took = watch.read();
  expect(played.has_value(), "a client failed");
  co_return took;
}

Duration ping_pong(std::uint64_t connections, std::uint64_t rounds) {
  return in_runtime(processors(), [&](Scope& root) -> task<Duration> {
    core::Limit limit({.name = "server", .limit = connections + 256});
    Duration took{};
    sound(co_await core::with_scope(root.context(), [&](Scope& scope) -> task<> {
      std::vector<net::Listener> listeners =
          sound(net::open_on_every_processor(sound(net::SocketAddress::parse("127.0.0.1:0"))));
      const net::SocketAddress server = listeners.front().local();
      for (net::Listener& listener : listeners) {
        scope.spawn(sound(limit.try_acquire()),
                    accept_all(scope.context(), std::move(listener), limit, scope));
      }
      took = co_await play_all(scope.context(), server, connections, rounds);
      scope.cancel();
    }));
    co_return took;
  });
}

}  // namespace

void add_sockets(std::vector<Benchmark>& all) {
  const auto add = [&](std::uint64_t connections, std::uint64_t rounds) {
    all.push_back({"tcp_ping_pong/" + std::to_string(connections), rounds,
                   [=] { return ping_pong(connections, rounds); }});
  };
  add(1, 100'000);
  add(20, 100'000);
  add(1000, 400'000);
}

}  // namespace weir::bench

// What the tests of proxies share: a proxy between a client and an upstream,
// all three in the test's own runtime.
//
//   Bed bed({.upstream = echo});
//   bed.run([&](Bed::Client& client) -> core::task<> {
//     FaultTally& tally = bed.begin(DelayFault{...});
//     net::Socket socket = co_await client.connect();
//     ...
//   });
//
// Every wait has a bound that only a failure reaches. For tests only; nothing
// else includes it.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/rng.h"
#include "weir/chaos/proxy.h"
#include "weir/chaos/scenario.h"
#include "weir/core/limit.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"
#include "weir/net/listener.h"
#include "weir/net/socket.h"

namespace weir::chaos::internal {

inline constexpr Duration kBound = 30s;

inline std::string random_text(std::size_t bytes, std::uint64_t seed) {
  Xoshiro rng(seed);
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(rng.next());
  return text;
}

inline core::task<bool> send(core::Context& context, net::Socket& socket, std::string_view text) {
  co_return (co_await socket.write_all(context, std::as_bytes(std::span(text)))).has_value();
}

// So many bytes, fewer where the stream ends; `ended` says how it did.
struct Received {
  std::string text;
  Result<> ended;  // an error: reset, or the bound
  bool end_of_stream = false;
};
inline bool was_reset(const Received& received) {
  return !received.ended && received.ended.error().reason == Reason::reset;
}
inline core::task<Received> receive(core::Context& context, net::Socket& socket, std::size_t bytes) {
  Received received;
  std::vector<std::byte> buffer(std::size_t{64} << 10);
  while (received.text.size() < bytes) {
    const std::size_t want = std::min(buffer.size(), bytes - received.text.size());
    const Result<std::size_t> got = co_await socket.read(context, std::span(buffer).first(want));
    if (!got) received.ended = std::unexpected(got.error());
    received.end_of_stream = got && *got == 0;
    if (!got || *got == 0) break;
    received.text.append(reinterpret_cast<const char*>(buffer.data()), *got);
  }
  co_return received;
}
inline core::task<Received> receive_all(core::Context& context, net::Socket& socket) {
  co_return co_await receive(context, socket, SIZE_MAX);
}

// Sends back what comes, and an end of stream after the end.
inline core::task<> echo(core::Context& context, net::Socket& socket) {
  std::vector<std::byte> buffer(std::size_t{64} << 10);
  for (;;) {
    const Result<std::size_t> got = co_await socket.read(context, buffer);
    if (!got || *got == 0) break;
    if (!co_await socket.write_all(context, std::span(buffer).first(*got))) break;
  }
  socket.shutdown_write();
}

class Bed {
 public:
  using Serve = std::function<core::task<>(core::Context&, net::Socket&)>;

  struct Options {
    Serve upstream = echo;
    Protocol protocol = Protocol::tcp;
    std::uint32_t connections_max = 100;
    bool upstream_refuses = false;
  };

  // What the test's task has.
  class Client {
   public:
    Client(Bed& bed, core::Scope& scope)
        : bed_(bed), scope_(scope), bounded_(scope.context(), core::now() + kBound) {}

    core::Context& context() { return bounded_; }
    Proxy& proxy() { return *bed_.proxy_; }

    core::task<net::Socket> connect() {
      Result<net::Socket> socket = co_await net::Socket::connect(bounded_, bed_.at_);
      EXPECT_TRUE(socket) << socket.error().message();
      co_return socket ? std::move(*socket) : net::Socket();
    }
    // True: a new connection is reset. That may be seen while it connects.
    core::task<bool> finds_reset(std::string_view sends = {}) {
      Result<net::Socket> socket = co_await net::Socket::connect(bounded_, bed_.at_);
      if (!socket) co_return socket.error().reason == Reason::reset;
      // Whoever meets the reset first is told of it, and nobody after.
      const auto sent = co_await socket->write_all(bounded_, std::as_bytes(std::span(sends)));
      if (!sent) co_return sent.error().reason == Reason::reset;
      co_return was_reset(co_await receive(bounded_, *socket, 1));
    }
    // Sends and reads as much as was sent.
    core::task<std::string> exchange(net::Socket& socket, std::string_view text) {
      co_return co_await exchange(socket, text, text.size());
    }
    core::task<std::string> exchange(net::Socket& socket, std::string_view text, std::size_t bytes) {
      EXPECT_TRUE(co_await send(bounded_, socket, text));
      Received received = co_await receive(bounded_, socket, bytes);
      co_return received.text;
    }
    // Until it is so.
    core::task<bool> becomes(const std::function<bool()>& so) {
      while (!so()) {
        if (core::now() > bounded_.deadline()) co_return false;
        co_await core::yield();
      }
      co_return true;
    }
    void spawn(core::task<> task) { scope_.spawn(bed_.tasks_.try_acquire().value(), std::move(task)); }

   private:
    Bed& bed_;
    core::Scope& scope_;
    core::Context bounded_;
  };

  explicit Bed(Options options) : options_(std::move(options)) {}

  // Returns when `body`, the proxy and the upstream have ended. The connections
  // that `body` left open are cut off.
  void run(const std::function<core::task<>(Client&)>& body) {
    core::Runtime runtime({.processors = 2});
    const Result<> ran = runtime.run([&](core::Scope& root) -> core::task<> {
      auto upstream = net::open_on_every_processor(net::SocketAddress::parse("127.0.0.1:0").value()).value();
      auto listeners = net::open_on_every_processor(net::SocketAddress::parse("127.0.0.1:0").value()).value();
      at_ = listeners.front().local();
      proxy_.emplace(Proxy::Options{.upstream = upstream.front().local(),
                                    .protocol = options_.protocol,
                                    .connections_max = options_.connections_max});
      if (options_.upstream_refuses) upstream.clear();
      static_cast<void>(co_await core::with_scope(root.context(), [&](core::Scope& scope) -> core::task<> {
        for (net::Listener& listener : upstream) {
          scope.spawn(tasks_.try_acquire().value(), accept_all(scope, std::move(listener)));
        }
        scope.spawn(tasks_.try_acquire().value(), proxy_->serve(scope.context(), std::move(listeners)));
        Client client(*this, scope);
        co_await body(client);
        scope.cancel();
      }));
      EXPECT_EQ(proxy_->stats().open, 0u);
    });
    EXPECT_TRUE(ran);
    EXPECT_EQ(tasks_.stats().in_use, 0u);
  }

  FaultTally& begin(Fault fault, testing::Occurrence occurrence = {}, std::uint64_t seed = 1) {
    FaultTally& tally = tallies_.emplace_back(seed);
    proxy_->begin(tallies_.size() - 1,
                  {.target_kind = TargetKind::proxy, .fault = std::move(fault), .occurrence = occurrence},
                  tally);
    return tally;
  }
  // The last one that began.
  void end() { proxy_->end(tallies_.size() - 1); }

  std::uint64_t upstream_accepted() const { return accepted_.load(); }

 private:
  core::task<> accept_all(core::Scope& scope, net::Listener listener) {
    while (auto socket = co_await listener.accept(scope.context())) {
      ++accepted_;
      scope.spawn(tasks_.try_acquire().value(), serve_one(scope.context(), std::move(*socket)));
    }
  }
  core::task<> serve_one(core::Context& context, net::Socket socket) {
    co_await options_.upstream(context, socket);
  }

  const Options options_;
  core::Limit tasks_{{.name = "tests", .limit = 10'000}};
  std::deque<FaultTally> tallies_;  // before the proxy, which they outlive
  std::optional<Proxy> proxy_;
  net::SocketAddress at_;
  std::atomic<std::uint64_t> accepted_{0};
};

}  // namespace weir::chaos::internal

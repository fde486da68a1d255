// A Server on a free port of the loopback, in a runtime of its own, with a
// function for a handler.
//
//   ServerUnderTest server([](http::Exchange& exchange) -> core::task<> {
//     co_await exchange.respond({}, "hello");
//   });
//   EXPECT_EQ(ask_once(server.address(), get("/")).body, "hello");
//
// Made and used by the test's thread; the handler runs on the runtime's.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <optional>
#include <thread>

#include "weir/base/result.h"
#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/task.h"
#include "weir/http/server.h"
#include "weir/net/address.h"

namespace weir::testing {

// Replies with the request's body as it comes, in chunks unless its length is
// known, and with its trailers.
core::task<> echo(http::Exchange& exchange);

class ServerUnderTest {
 public:
  using Handle = std::function<core::task<>(http::Exchange&)>;

  struct Options {
    http::Server::Options server = {};
    std::uint64_t connections_max = 100;
    unsigned processors = 2;
    const net::TlsServerContext* tls = nullptr;  // null: clear text
  };

  explicit ServerUnderTest(Handle handle) : ServerUnderTest(std::move(handle), {}) {}
  ServerUnderTest(Handle handle, const Options& options);
  // Cancels what still runs.
  ~ServerUnderTest();

  const net::SocketAddress& address() const { return address_; }
  http::Server& server() { return server_; }
  http::Server::Stats stats() const { return server_.stats(); }
  std::uint64_t refused(http::Refusal reason) const { return stats().refused(reason); }

  // Cancels the context that it serves in.
  void cancel() { runtime_.root().cancel(); }
  // What serve() returned; nullopt: it has not, for as long as the bound.
  std::optional<Result<>> wait_until_ended();

  // Waits until the statistics are so; false: they were not within the bound.
  bool wait_for(const std::function<bool(const http::Server::Stats&)>& so) const;

 private:
  class Handler final : public http::Handler {
   public:
    explicit Handler(Handle handle) : handle_(std::move(handle)) {}
    core::task<void> handle(http::Exchange& exchange) override { return handle_(exchange); }

   private:
    const Handle handle_;
  };

  core::task<> serve(core::Scope& scope, std::promise<net::SocketAddress>& listening);

  Handler handler_;
  core::Limit connections_;
  http::Server server_;
  const net::TlsServerContext* const tls_;
  core::Runtime runtime_;
  net::SocketAddress address_;
  std::promise<Result<>> ended_;
  std::future<Result<>> end_ = ended_.get_future();
  std::thread thread_;
};

}  // namespace weir::testing

// A server for the tests of load runs, in the runtime that sends the requests.
//
//   with_server(handler, [&](core::Context& context, const net::SocketAddress& at) -> core::task<> {
//     outcome = co_await run_load(context, options_for(at), {});
//   });
//
// For tests only; nothing else includes it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <utility>
#include <vector>

#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/http/server.h"
#include "weir/net/listener.h"

namespace weir::load::internal {

inline core::task<> serve(http::Server& server, core::Context& context, std::vector<net::Listener> on) {
  (void)co_await server.serve(context, std::move(on));
}

// Returns when `use` and the server have ended.
inline void with_server(http::Handler& handler,
                        const std::function<core::task<>(core::Context&, const net::SocketAddress&)>& use) {
  core::Limit helpers({.name = "helpers", .limit = 1});
  core::Limit connections({.name = "connections", .limit = 2000});
  http::Server server({}, handler, connections);
  core::Runtime runtime({.processors = 2});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    auto listeners = net::open_on_every_processor(net::SocketAddress::parse("127.0.0.1:0").value());
    EXPECT_TRUE(listeners);
    const net::SocketAddress at = listeners->front().local();
    EXPECT_TRUE(co_await core::with_scope(root.context(), [&](core::Scope& scope) -> core::task<> {
      scope.spawn(std::move(*helpers.try_acquire()), serve(server, scope.context(), std::move(*listeners)));
      co_await use(scope.context(), at);
      server.drain();
    }));
  }));
}

}  // namespace weir::load::internal

// For tests: a handler behind a real server on a loopback port, asked by our
// own client.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/bounds/ledger.h"
#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/http/client.h"
#include "weir/http/server.h"
#include "weir/service/endpoint.h"

namespace weir::service::testing {

struct Answer {
  int status = 0;  // 0: none came
  http::Headers headers;
  std::string body;
  bool complete = false;  // the body came to its end
};

inline http::RequestHead request(std::string method, std::string target, std::string_view accept = {}) {
  http::RequestHead head{.method = std::move(method), .target = std::move(target)};
  if (!accept.empty()) head.headers.add("Accept", accept);
  return head;
}

inline core::task<void> fetch(core::Context& context, http::Client& client, const http::RequestHead& head,
                              Answer& answer) {
  auto response = co_await client.send(context, head);
  if (!response) co_return;
  answer.status = response->head().status;
  answer.headers = response->head().headers;
  for (;;) {
    const auto piece = co_await response->body().next(context);
    if (!piece) co_return;
    if (piece->empty()) break;
    answer.body.append(reinterpret_cast<const char*>(piece->data()), piece->size());
  }
  answer.complete = true;
}

// All of them at once, each on a connection of its own; in the order of the
// requests.
inline std::vector<Answer> ask_together(http::Handler& handler,
                                        const std::vector<http::RequestHead>& requests) {
  std::vector<Answer> answers(requests.size());
  core::Runtime runtime({.processors = 2});
  const auto ask_all = [&](core::Context& context, http::Client& client) -> core::task<Result<>> {
    core::Limit tasks({.name = "requests", .limit = requests.size()});
    co_return co_await core::with_scope(context, [&](core::Scope& asking) -> core::task<> {
      for (std::size_t i = 0; i < requests.size(); ++i) {
        asking.spawn(*tasks.try_acquire(), fetch(asking.context(), client, requests[i], answers[i]));
      }
      co_return;
    });
  };
  const Result<> run = runtime.run([&](core::Scope& root) -> core::task<> {
    bounds::Ledger ledger;
    const std::uint64_t connections = requests.size() + 1;
    Endpoint endpoint(ledger, {.name = "connections", .connections = connections, .because = "a test"}, {},
                      handler);
    const Result<> opened = endpoint.open(*net::SocketAddress::parse("127.0.0.1:0"));
    EXPECT_TRUE(opened);
    if (!opened) co_return;
    core::Limit tasks({.name = "server", .limit = 1});
    http::Client client(endpoint.local(),
                        {.pool = {.connections_max = static_cast<std::uint32_t>(connections)}});
    (void)co_await core::with_scope(root.context(), [&](core::Scope& scope) -> core::task<> {
      scope.spawn(*tasks.try_acquire(), endpoint.serve(scope.context()));
      (void)co_await ask_all(scope.context(), client);
      scope.cancel();
    });
  });
  EXPECT_TRUE(run);
  return answers;
}

inline Answer ask(http::Handler& handler, const http::RequestHead& head) {
  return ask_together(handler, {head}).front();
}

}  // namespace weir::service::testing

#include "weir/load/server_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"
#include "weir/http/server.h"
#include "weir/load/internal/testing.h"

namespace weir::load {
namespace {

using testing::HasSubstr;

// Says that so many are in use, one more each time it is asked.
class MetricsServer final : public http::Handler {
 public:
  explicit MetricsServer(std::string page = {}) : page_(std::move(page)) {}

  core::task<void> handle(http::Exchange& exchange) override {
    if (exchange.request().target != "/metrics") co_return co_await reply(exchange, 404, "");
    const int asked = ++asked_;
    if (!page_.empty()) co_return co_await reply(exchange, 200, page_);
    co_await reply(
        exchange, 200,
        "weir_bound_limit{bound=\"inflight\"} 5\n"
        "weir_bound_in_use{bound=\"inflight\"} " +
            std::to_string(asked) +
            "\nweir_bound_queue_limit{bound=\"inflight\"} 10\n"
            "weir_bound_queue_depth{bound=\"inflight\"} 3\n"
            "weir_bound_limit{bound=\"tenant\"} 7\n"
            "weir_runtime_tasks 52\nweir_http_connections_open 10\nprocess_resident_memory_bytes 1048576\n");
  }
  int asked() const { return asked_; }

 private:
  static core::task<void> reply(http::Exchange& exchange, int status, const std::string& text) {
    (void)co_await exchange.respond({.status = status}, text);
  }
  const std::string page_;
  std::atomic<int> asked_{0};
};

TEST(ServerWatch, ReadsBoundsTasksAndMemoryAgainAndAgain) {
  MetricsServer server;
  core::Limit helpers({.name = "watch", .limit = 1});
  internal::with_server(server, [&](core::Context& context, const net::SocketAddress& at) -> core::task<> {
    ServerWatch watch({.address = at, .authority = "test", .every = 1ms});
    const auto reached = co_await watch.reach(context);
    EXPECT_TRUE(reached);
    (void)co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
      scope.spawn(*helpers.try_acquire(), watch.keep(scope.context()));
      while (server.asked() < 8) (void)co_await core::sleep_for(scope.context(), 1ms);
      scope.cancel();
    });
    EXPECT_GE(watch.readings().size(), 7u);
    const ServerReading& first = watch.readings().front();
    EXPECT_EQ(first.tasks, 42);
    EXPECT_EQ(first.memory, 1048576);
    EXPECT_EQ(first.bounds.size(), 2u);
    EXPECT_EQ(first.bounds[0].name, "inflight");
    EXPECT_EQ(first.bounds[0].limit, 5);
    EXPECT_EQ(first.bounds[0].queued, 3);
    EXPECT_TRUE(first.bounds[0].holds());
    EXPECT_FALSE(watch.readings()[6].bounds[0].holds());  // 7 of 5
  });
}

TEST(ServerWatch, WhatCannotBeReadIsSaid) {
  const auto refused = [](http::Handler& handler, const char* target) {
    std::string error;
    internal::with_server(handler, [&](core::Context& context, const net::SocketAddress& at) -> core::task<> {
      ServerWatch watch({.address = at, .authority = "test", .target = target});
      const auto reached = co_await watch.reach(context);
      error = reached ? "none" : reached.error();
    });
    return error;
  };
  MetricsServer server;
  EXPECT_EQ(refused(server, "/elsewhere"), "http://test/elsewhere answers 404");
  MetricsServer garbage("<html>");
  EXPECT_EQ(refused(garbage, "/metrics"), "http://test/metrics: line 1 is no metric");
  MetricsServer other("go_goroutines 12\n");
  EXPECT_THAT(refused(other, "/metrics"), HasSubstr("tells of no bounds"));
}

}  // namespace
}  // namespace weir::load

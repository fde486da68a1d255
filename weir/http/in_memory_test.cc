#include "weir/http/in_memory.h"

#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>

#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"

namespace weir::http {
namespace {

class Calls final : public Handler {
 public:
  using Function = core::task<void> (*)(Exchange&);
  explicit Calls(Function function) : function_(function) {}
  core::task<void> handle(Exchange& exchange) override { return function_(exchange); }

 private:
  const Function function_;
};

core::task<void> echo(Exchange& exchange) {
  if (!co_await exchange.start({}, BodyLength::chunked())) co_return;
  for (;;) {
    const auto piece = co_await exchange.body().next(exchange.context());
    if (!piece) {
      exchange.abort();
      co_return;
    }
    if (piece->empty()) break;
    if (!co_await exchange.write(*piece)) co_return;
  }
  Headers trailers;
  trailers.add("Seen", "all");
  (void)co_await exchange.finish(&trailers);
}

TEST(InMemory, StreamsBothWays) {
  Calls handler(echo);
  const InMemoryReply reply = ask(handler, {.method = "POST", .body = "0123456789", .body_piece = 4});
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "0123456789");
  EXPECT_EQ(reply.writes, 3u);
  EXPECT_EQ(reply.trailers.get("Seen"), "all");
  EXPECT_TRUE(reply.complete);
}

TEST(InMemory, AReplyHasTheFieldsOfWhoStandsBeforeItsHandler) {
  Calls responds([](Exchange& exchange) -> core::task<void> {
    exchange.reply_fields().add("Before", "the handler");
    ResponseHead head;
    head.headers.add("Its", "own");
    (void)co_await exchange.respond(head, "ok");
  });
  Calls starts([](Exchange& exchange) -> core::task<void> {
    exchange.reply_fields().add("Before", "the handler");
    co_await echo(exchange);
  });
  const InMemoryReply whole = ask(responds, {});
  EXPECT_EQ(whole.headers.get("Before"), "the handler");
  EXPECT_EQ(whole.headers.get("Its"), "own");
  EXPECT_EQ(ask(starts, {}).headers.get("Before"), "the handler");
}

TEST(InMemory, CutsAReplyOffWhereItsBodyFails) {
  Calls handler(echo);
  const InMemoryReply reply =
      ask(handler, {.method = "POST",
                    .body = "01",
                    .body_error = {.kind = ErrorKind::disconnected, .reason = Reason::closed}});
  EXPECT_EQ(reply.status, 200);
  EXPECT_FALSE(reply.complete);
}

TEST(InMemory, AnswersForAHandlerThatDoesNot) {
  Calls nothing([](Exchange&) -> core::task<void> { co_return; });
  EXPECT_EQ(ask(nothing, {}).status, 500);
  Calls throws([](Exchange&) -> core::task<void> {
    throw std::runtime_error("no");
    co_return;
  });
  const InMemoryReply reply = ask(throws, {});
  EXPECT_EQ(reply.status, 500);
  EXPECT_TRUE(reply.failed);
}

TEST(InMemory, HoldsAHandlerToItsAnnouncement) {
  Calls handler([](Exchange& exchange) -> core::task<void> {
    EXPECT_TRUE(co_await exchange.start({}, BodyLength::known(3)));
    EXPECT_FALSE(co_await exchange.finish());
    EXPECT_FALSE(co_await exchange.write("1234"));
  });
  const InMemoryReply reply = ask(handler, {});
  EXPECT_FALSE(reply.complete);
  EXPECT_EQ(reply.header("Content-Length"), "3");
}

// Writes a tick every second until it is told that the client has gone.
core::task<void> tick(Exchange& exchange) {
  if (!co_await exchange.start({}, BodyLength::chunked())) co_return;
  while (co_await core::sleep_for(exchange.context(), 1s)) {
    if (!co_await exchange.write(".")) co_return;
  }
}

TEST(InMemory, TellsAHandlerThatItsClientHasGone) {
  Calls handler(tick);
  EXPECT_EQ(ask(handler, {.leaves_after = 3}).body, "...");
}

TEST(InMemory, IsWatchedWhileItGoesOn) {
  Calls handler(tick);
  core::Simulation simulation({.seed = 5});
  core::Runtime runtime({.processors = 1, .simulation = &simulation});
  core::Limit tasks({.name = "tasks", .limit = 1});
  ASSERT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    InMemoryExchange call(root.context(), {});
    const Result<> ended = co_await core::with_scope(root.context(), [&](core::Scope& scope) -> core::task<> {
      scope.spawn(*tasks.try_acquire(), call.run(handler));
      (void)co_await core::sleep_for(scope.context(), 2500ms);
      EXPECT_EQ(call.reply().body, "..");
      call.leave();
    });
    EXPECT_TRUE(ended);
    EXPECT_EQ(call.reply().body, "..");
    EXPECT_FALSE(call.reply().complete);
  }));
}

}  // namespace
}  // namespace weir::http

#include "weir/http/event_stream.h"

#include <gtest/gtest.h>

#include "weir/core/sleep.h"
#include "weir/http/in_memory.h"
#include "weir/http/router.h"

namespace weir::http {
namespace {

InMemoryReply reply_of(HandlerRef handler, InMemoryRequest request = {}) {
  auto router = Router::make({{"GET /", handler}});
  return ask(*router, std::move(request));
}

TEST(EventStream, WritesEventsAsTheStandardHasThem) {
  const InMemoryReply reply = reply_of([](Exchange& exchange) -> core::task<Result<>> {
    EventStream events(exchange);
    EXPECT_TRUE(co_await events.begin());
    EXPECT_TRUE(co_await events.send({.data = "one"}));
    EXPECT_TRUE(co_await events.send(
        {.data = "two\nlines\r\nor\rfour", .event = "news", .id = "7", .retry = 1500ms}));
    EXPECT_TRUE(co_await events.send({.data = "", .id = ""}));
    EXPECT_TRUE(co_await events.comment("still here"));
    co_return co_await events.end();
  });
  EXPECT_EQ(reply.header("Content-Type"), "text/event-stream");
  EXPECT_EQ(reply.header("Cache-Control"), "no-store");
  EXPECT_EQ(reply.body,
            "data: one\n\n"
            "event: news\nid: 7\nretry: 1500\ndata: two\ndata: lines\ndata: or\ndata: four\n\n"
            "id: \ndata: \n\n"
            ": still here\n\n");
  EXPECT_EQ(reply.flushes, 5u);
  EXPECT_TRUE(reply.complete);
}

TEST(EventStream, RefusesWhatWouldEndALine) {
  const InMemoryReply reply = reply_of([](Exchange& exchange) -> core::task<Result<>> {
    EventStream events(exchange);
    EXPECT_TRUE(co_await events.begin());
    for (const ServerEvent& event :
         {ServerEvent{.data = "x", .event = "a\nb"}, ServerEvent{.data = "x", .id = "a\rb"},
          ServerEvent{.data = "x", .id = std::string_view("\0", 1)}}) {
      const Result<> sent = co_await events.send(event);
      EXPECT_FALSE(sent);
      if (!sent) EXPECT_EQ(sent.error().kind, ErrorKind::invalid);
    }
    co_return co_await events.end();
  });
  EXPECT_EQ(reply.body, "");
}

TEST(EventStream, KnowsWhatTheClientHadLast) {
  const InMemoryReply reply = reply_of(
      [](Exchange& exchange) -> core::task<Result<>> {
        EventStream events(exchange);
        EXPECT_TRUE(co_await events.begin());
        EXPECT_TRUE(co_await events.send({.data = events.last_event_id().value_or("none")}));
        co_return co_await events.end();
      },
      {.headers = {{"Last-Event-ID", "41"}}});
  EXPECT_EQ(reply.body, "data: 41\n\n");
}

TEST(EventStream, EndsWhenItsClientGoes) {
  const InMemoryReply reply = reply_of(
      [](Exchange& exchange) -> core::task<void> {
        EventStream events(exchange);
        if (!co_await events.begin()) co_return;
        while (co_await core::sleep_for(exchange.context(), 15s)) {
          if (!co_await events.comment("still here")) co_return;
        }
      },
      {.leaves_after = 30});
  EXPECT_EQ(reply.body, ": still here\n\n: still here\n\n: still here\n\n");
}

}  // namespace
}  // namespace weir::http

#include "weir/service/refusal_reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weir/service/internal/testing.h"

namespace weir::service {
namespace {

using testing::Answer;
using testing::ask;
using testing::request;

class Refusing final : public http::Handler {
 public:
  explicit Refusing(const RefusalReply& reply) : reply_(reply) {}
  core::task<void> handle(http::Exchange& exchange) override { return send_refusal(exchange, reply_); }

 private:
  const RefusalReply reply_;
};

TEST(RefusalReply, SaysAllThatIsKnown) {
  EXPECT_EQ(to_json({.status = 503,
                     .reason = "queue_full",
                     .message = "as many requests are inside as the service can carry",
                     .bound = "inflight",
                     .limit = 200,
                     .retry_after = 1s}),
            "{\"error\":{\"status\":503,\"reason\":\"queue_full\",\"bound\":\"inflight\",\"limit\":200,"
            "\"retry_after_s\":1,\"message\":\"as many requests are inside as the service can carry\"}}\n");
}

TEST(RefusalReply, LeavesOutWhatIsNot) {
  EXPECT_EQ(to_json({.status = 502, .reason = "upstream_reset", .message = "m", .upstream = "catalog"}),
            "{\"error\":{\"status\":502,\"reason\":\"upstream_reset\",\"upstream\":\"catalog\",\"message\":"
            "\"m\"}}\n");
}

TEST(RefusalReply, NamesFromOutsideCannotBreakIt) {
  EXPECT_EQ(to_json({.status = 404, .reason = "r", .message = "a \"b\"\n", .upstream = "c\\d"}),
            "{\"error\":{\"status\":404,\"reason\":\"r\",\"upstream\":\"c\\\\d\",\"message\":\"a "
            "\\\"b\\\"\\u000a\"}}\n");
}

TEST(RefusalReply, IsSentWithItsStatusItsTypeAndItsRetryAfter) {
  const RefusalReply reply{.status = 429, .reason = "at_limit", .message = "m", .retry_after = 1s};
  Refusing handler(reply);
  const Answer answer = ask(handler, request("GET", "/"));
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.body, to_json(reply));
  EXPECT_EQ(answer.headers.get("content-type"), "application/json");
  EXPECT_EQ(answer.headers.get("retry-after"), "1");
}

TEST(RefusalReply, RetryAfterIsInWholeSecondsRoundedUp) {
  const auto sent = [](Duration retry_after) {
    Refusing handler({.status = 503, .reason = "r", .message = "m", .retry_after = retry_after});
    const Answer answer = ask(handler, request("GET", "/"));
    return std::string(answer.headers.get("retry-after").value_or("none"));
  };
  EXPECT_EQ(sent(0s), "none");
  EXPECT_EQ(sent(1ms), "1");
  EXPECT_EQ(sent(1500ms), "2");
  EXPECT_EQ(sent(2s), "2");
}

// Starts a reply, and refuses too late.
class TooLate final : public http::Handler {
 public:
  core::task<void> handle(http::Exchange& exchange) override {
    http::ResponseHead head;
    (void)co_await exchange.start(head, http::BodyLength::known(4));
    co_await send_refusal(exchange, {.status = 502, .reason = "r", .message = "m"});
    (void)co_await exchange.write("body");
    (void)co_await exchange.finish();
  }
};

TEST(RefusalReply, AfterAHeadWasSentItIsNot) {
  TooLate handler;
  const Answer answer = ask(handler, request("GET", "/"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "body");
}

}  // namespace
}  // namespace weir::service

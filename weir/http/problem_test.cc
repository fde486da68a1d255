#include "weir/http/problem.h"

#include <gtest/gtest.h>

#include "weir/http/in_memory.h"
#include "weir/http/router.h"

namespace weir::http {
namespace {

int status(ErrorKind kind, Reason reason = Reason::none) {
  return problem_of({.kind = kind, .reason = reason}).status;
}

TEST(Problem, HasTheStatusOfWhatCanBeDoneAboutIt) {
  EXPECT_EQ(status(ErrorKind::overloaded, Reason::queue_full), 503);
  EXPECT_EQ(status(ErrorKind::overloaded, Reason::over_rate), 429);
  EXPECT_EQ(status(ErrorKind::deadline), 504);
  EXPECT_EQ(status(ErrorKind::disconnected), 502);
  EXPECT_EQ(status(ErrorKind::invalid, Reason::malformed), 400);
  EXPECT_EQ(status(ErrorKind::invalid, Reason::too_large), 413);
  EXPECT_EQ(status(ErrorKind::unsupported), 415);
  EXPECT_EQ(status(ErrorKind::internal), 500);
}

TEST(Problem, IsWrittenAsTheRfcHasIt) {
  EXPECT_EQ(to_json(Problem{.status = 409,
                            .type = "https://example.org/sent",
                            .title = "Sent",
                            .detail = "order \"7\"",
                            .instance = "/orders/7",
                            .reason = "sent"}),
            "{\"type\":\"https://example.org/sent\",\"title\":\"Sent\",\"status\":409,"
            "\"detail\":\"order \\\"7\\\"\",\"instance\":\"/orders/7\",\"reason\":\"sent\"}\n");
  EXPECT_EQ(to_json(problem_of({.kind = ErrorKind::internal, .where = "the secret place"})),
            "{\"type\":\"about:blank\",\"title\":\"Internal Server Error\",\"status\":500}\n");
}

TEST(Problem, OfOverloadSaysWhenToComeBack) {
  EXPECT_EQ(problem_of({.kind = ErrorKind::overloaded}).retry_after, 1s);
  EXPECT_EQ(problem_of({.kind = ErrorKind::overloaded, .retry_after = 2500ms}).retry_after, 2500ms);
  auto router = Router::make({{"GET /", [](Exchange&) -> core::task<Result<>> {
                                 co_return std::unexpected(Error{.kind = ErrorKind::overloaded,
                                                                 .reason = Reason::queue_full,
                                                                 .where = "inside",
                                                                 .retry_after = 2500ms});
                               }}});
  const InMemoryReply reply = ask(*router, {});
  EXPECT_EQ(reply.header("Retry-After"), "3");
  EXPECT_EQ(reply.header("Content-Type"), "application/problem+json");
}

TEST(Problem, AfterAReplyHasBegunCutsItOff) {
  auto router = Router::make({{"GET /", [](Exchange& exchange) -> core::task<Result<>> {
                                 EXPECT_TRUE(co_await exchange.start({}, BodyLength::chunked()));
                                 EXPECT_TRUE(co_await exchange.write("half"));
                                 co_return fail(ErrorKind::internal);
                               }}});
  const InMemoryReply reply = ask(*router, {});
  EXPECT_EQ(reply.status, 200);
  EXPECT_FALSE(reply.complete);
}

}  // namespace
}  // namespace weir::http

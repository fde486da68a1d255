#include "weir/http/read_body.h"

#include <gtest/gtest.h>

#include "weir/http/in_memory.h"
#include "weir/http/router.h"

namespace weir::http {
namespace {

core::task<Result<>> echo(Exchange& exchange) {
  const Result<std::string> body = co_await read_body(exchange.body(), exchange.context(), Bytes{10});
  if (!body) co_return std::unexpected(body.error());
  co_return co_await exchange.respond({}, *body);
}

core::task<Result<>> greet(Exchange& exchange) {
  const Result<UrlFields> form = co_await read_form(exchange, {.bytes = Bytes{30}});
  if (!form) co_return std::unexpected(form.error());
  co_return co_await exchange.respond({}, "hello " + std::string(form->get("name").value_or("nobody")));
}

InMemoryReply post(HandlerRef handler, InMemoryRequest request) {
  auto router = Router::make({{"POST /", handler}});
  request.method = "POST";
  return ask(*router, std::move(request));
}

TEST(ReadBody, ReadsToTheEndOrTheLimit) {
  EXPECT_EQ(post(echo, {.body = "0123456789", .body_piece = 3}).body, "0123456789");
  EXPECT_EQ(post(echo, {.body = ""}).body, "");
  EXPECT_EQ(post(echo, {.body = "0123456789a", .body_piece = 3}).status, 413);
  EXPECT_EQ(post(echo, {.body = "0123456789a", .body_piece = 3, .chunked = true}).status, 413);
}

TEST(ReadBody, FailsWithWhatReadingFailsWith) {
  const Error gone{.kind = ErrorKind::disconnected, .reason = Reason::closed};
  EXPECT_EQ(post(echo, {.body = "012", .body_error = gone}).status, 502);
}

TEST(ReadForm, ReadsItsFields) {
  const std::string type = "application/x-www-form-urlencoded";
  EXPECT_EQ(post(greet, {.headers = {{"Content-Type", type}}, .body = "name=caf%C3%A9+noir"}).body,
            "hello caf\xC3\xA9 noir");
  EXPECT_EQ(post(greet, {.headers = {{"Content-Type", type + ";charset=utf-8"}}, .body = ""}).body,
            "hello nobody");
  EXPECT_EQ(post(greet, {.headers = {{"Content-Type", type}}, .body = "name=%"}).status, 400);
  EXPECT_EQ(post(greet, {.headers = {{"Content-Type", type}}, .body = std::string(31, 'x')}).status, 413);
  EXPECT_EQ(post(greet, {.body = "name=x"}).status, 415);
}

}  // namespace
}  // namespace weir::http

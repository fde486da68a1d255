#include "weir/http/json.h"

#include <gtest/gtest.h>

#include <string>

#include "weir/http/in_memory.h"
#include "weir/http/router.h"

namespace weir::http {
namespace {

JsonDocument parsed(std::string_view text) {
  auto document = JsonDocument::parse(text);
  EXPECT_TRUE(document);
  return std::move(*document);
}

TEST(Json, IsAskedForByKeyAndKind) {
  const JsonDocument document = parsed(
      R"({"name":"caf\u00e9","count":7,"share":0.5,"sold":true,"none":null,"items":[1,"two",{"three":3}]})");
  const JsonValue root = document.root();
  EXPECT_EQ(root["name"].text(), "caf\xC3\xA9");
  EXPECT_EQ(root["count"].integer(), 7);
  EXPECT_EQ(root["count"].number(), 7.0);
  EXPECT_EQ(root["share"].number(), 0.5);
  EXPECT_EQ(root["sold"].boolean(), true);
  EXPECT_EQ(root["none"].kind(), JsonValue::Kind::null);
  EXPECT_EQ(root["items"].size(), 3u);
  EXPECT_EQ(root["items"].at(1).text(), "two");
  EXPECT_EQ(root["items"].at(2)["three"].integer(), 3);
  EXPECT_EQ(root["items"].elements().size(), 3u);
  EXPECT_EQ(root.members().size(), 6u);
  EXPECT_EQ(root.members()[0].key, "name");
}

TEST(Json, ThatIsMissingOrOfAnotherKindIsAnErrorWithItsName) {
  const JsonDocument document = parsed(R"({"name":"x","count":1.5,"huge":18446744073709551615})");
  const JsonValue root = document.root();
  EXPECT_FALSE(root["none"].exists());
  EXPECT_EQ(root["none"]["deeper"].text().error().message(), "invalid: malformed at deeper");
  EXPECT_EQ(root["name"].integer().error().message(), "invalid: malformed at name");
  EXPECT_EQ(root["count"].integer().error().message(), "invalid: malformed at count");
  EXPECT_EQ(root["huge"].integer().error().message(), "invalid: too_large at huge");
  EXPECT_EQ(root["name"]["x"].kind(), JsonValue::Kind::missing);
  EXPECT_EQ(root.at(0).kind(), JsonValue::Kind::missing);
  EXPECT_EQ(root["name"].size(), 0u);
  EXPECT_EQ(JsonValue().text().error().message(), "invalid: malformed at body");
}

TEST(Json, ThatIsMalformedIsRefused) {
  for (const char* text : {"", " ", "{", "[1,]", "{\"a\":1}x", "nul", "\"\xff\"", "{'a':1}", "1e999"}) {
    const auto document = JsonDocument::parse(text);
    ASSERT_FALSE(document) << text;
    EXPECT_EQ(document.error().kind, ErrorKind::invalid) << text;
  }
}

TEST(Json, IsReadWithinItsLimits) {
  const std::string deep = std::string(70, '[') + std::string(70, ']');
  EXPECT_EQ(JsonDocument::parse(deep).error().reason, Reason::too_large);
  EXPECT_TRUE(JsonDocument::parse(deep, {.depth = 80}));
  EXPECT_EQ(JsonDocument::parse("[1,2,3]", {.bytes = Bytes{6}}).error().reason, Reason::too_large);
  EXPECT_TRUE(JsonDocument::parse("[1,2,3]", {.bytes = Bytes{7}}));
}

TEST(Json, OutlivesTheTextItIsParsedOf) {
  std::string text = R"({"a":["long enough to be nowhere but on the heap"]})";
  JsonDocument document = parsed(text);
  text.assign(text.size(), 'x');
  const JsonDocument moved = std::move(document);
  EXPECT_EQ(moved.root()["a"].at(0).text(), "long enough to be nowhere but on the heap");
}

core::task<Result<>> add(Exchange& exchange) {
  const Result<JsonDocument> document = co_await read_json(exchange, {.bytes = Bytes{100}});
  if (!document) co_return std::unexpected(document.error());
  std::int64_t sum = 0;
  for (const JsonValue& value : document->root()["values"].elements()) {
    const Result<std::int64_t> number = value.integer();
    if (!number) co_return std::unexpected(number.error());
    sum += *number;
  }
  co_return co_await exchange.respond({}, std::to_string(sum));
}

InMemoryReply post(std::string body, std::string type = "application/json", bool chunked = false) {
  auto router = Router::make({{"POST /", add}});
  return ask(*router, {.method = "POST",
                       .headers = {{"Content-Type", std::move(type)}},
                       .body = std::move(body),
                       .body_piece = 3,
                       .chunked = chunked});
}

TEST(Json, OfARequestIsReadAsItComes) {
  EXPECT_EQ(post(R"({"values":[1,2,3]})").body, "6");
  EXPECT_EQ(post(R"({"values":[1,2,3]})", "application/vnd.sum+json; charset=utf-8", true).body, "6");
}

TEST(Json, OfARequestIsRefusedWithAStatusThatSaysWhy) {
  EXPECT_EQ(post("{}", "text/plain").status, 415);
  EXPECT_EQ(post("{").status, 400);
  EXPECT_EQ(post(R"({"values":["x"]})").status, 400);
  EXPECT_EQ(post(std::string(101, ' ')).status, 413);
  EXPECT_EQ(post(std::string(101, ' '), "application/json", true).status, 413);
}

}  // namespace
}  // namespace weir::http

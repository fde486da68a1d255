#include "weir/http/content.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "weir/http/in_memory.h"
#include "weir/http/router.h"

namespace weir::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kText = "0123456789abcdefghij";

core::task<Result<>> serve(Exchange& exchange) {
  ResponseHead& head = exchange.reply_head();
  head.headers.add("Content-Type", "text/plain");
  MemoryContent content(kText);
  co_return co_await respond_content(
      exchange, head, {.etag = "\"v7\"", .last_modified = Seconds(std::chrono::seconds(784'111'777))},
      content);
}

// Larger than what is sent at once, and fails behind `good` bytes.
class Large final : public Content {
 public:
  explicit Large(std::uint64_t good) : good_(good) {}
  std::uint64_t size() const override { return 1 << 20; }
  core::task<Result<std::span<const std::byte>>> read(core::Context&, std::uint64_t at,
                                                      std::uint64_t max) override {
    if (at >= good_) co_return fail(ErrorKind::internal, Reason::closed);
    piece_.assign(std::min<std::uint64_t>(max, 10'000), std::byte{'x'});
    co_return std::span<const std::byte>(piece_);
  }

 private:
  const std::uint64_t good_;
  std::vector<std::byte> piece_;
};

InMemoryReply get(std::vector<std::pair<std::string, std::string>> headers, std::string method = "GET") {
  auto router = Router::make({{"/", serve}});
  return ask(*router, {.method = std::move(method), .headers = std::move(headers)});
}

TEST(Content, IsSentWholeWithWhatItIsKnownBy) {
  const InMemoryReply reply = get({});
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, kText);
  EXPECT_EQ(reply.header("ETag"), "\"v7\"");
  EXPECT_EQ(reply.header("Last-Modified"), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(reply.header("Accept-Ranges"), "bytes");
  EXPECT_EQ(reply.header("Content-Length"), "20");
}

TEST(Content, ThatTheClientHasIsNotSentAgain) {
  const InMemoryReply reply = get({{"If-None-Match", "\"v7\""}, {"Range", "bytes=0-1"}});
  EXPECT_EQ(reply.status, 304);
  EXPECT_EQ(reply.body, "");
  EXPECT_EQ(reply.header("ETag"), "\"v7\"");
  EXPECT_EQ(get({{"If-Match", "\"v6\""}}).status, 412);
}

TEST(Content, IsSentInPart) {
  const InMemoryReply reply = get({{"Range", "bytes=10-12"}});
  EXPECT_EQ(reply.status, 206);
  EXPECT_EQ(reply.body, "abc");
  EXPECT_EQ(reply.header("Content-Range"), "bytes 10-12/20");
  EXPECT_EQ(reply.header("Content-Type"), "text/plain");
  EXPECT_EQ(get({{"Range", "bytes=-3"}}).body, "hij");
}

TEST(Content, IsSentInSeveralParts) {
  const InMemoryReply reply = get({{"Range", "bytes=0-1, 10-11"}});
  EXPECT_EQ(reply.status, 206);
  const std::string type = reply.header("Content-Type");
  EXPECT_THAT(type, StartsWith("multipart/byteranges; boundary=weir"));
  const std::string boundary = type.substr(type.find('=') + 1);
  EXPECT_EQ(reply.body, "--" + boundary +
                            "\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/20\r\n\r\n01" +
                            "\r\n--" + boundary +
                            "\r\nContent-Type: text/plain\r\nContent-Range: bytes 10-11/20\r\n\r\nab" +
                            "\r\n--" + boundary + "--\r\n");
  EXPECT_EQ(reply.header("Content-Length"), std::to_string(reply.body.size()));
  EXPECT_EQ(reply.header("Content-Range"), "");
}

TEST(Content, RefusesRangesThatAreNotThere) {
  const InMemoryReply reply = get({{"Range", "bytes=20-"}});
  EXPECT_EQ(reply.status, 416);
  EXPECT_EQ(reply.header("Content-Range"), "bytes */20");
}

TEST(Content, IgnoresRangesOfOtherMethodsUnitsAndVersions) {
  EXPECT_EQ(get({{"Range", "bytes=0-1"}}, "HEAD").status, 200);
  EXPECT_EQ(get({{"Range", "bytes=0-1"}}, "HEAD").header("Content-Length"), "20");
  EXPECT_EQ(get({{"Range", "lines=0-1"}}).body, kText);
  EXPECT_EQ(get({{"Range", "bytes=0-1"}, {"If-Range", "\"v6\""}}).body, kText);
  EXPECT_EQ(get({{"Range", "bytes=0-1"}, {"If-Range", "\"v7\""}}).body, "01");
}

TEST(Content, ThatIsLargeIsSentInPieces) {
  auto router =
      Router::make({{"GET /good",
                     [](Exchange& exchange) -> core::task<Result<>> {
                       Large content(1 << 20);
                       co_return co_await respond_content(exchange, exchange.reply_head(), {}, content);
                     }},
                    {"GET /bad", [](Exchange& exchange) -> core::task<Result<>> {
                       Large content(50'000);
                       co_return co_await respond_content(exchange, exchange.reply_head(), {}, content);
                     }}});
  const InMemoryReply good = ask(*router, {.target = "/good"});
  EXPECT_EQ(good.body.size(), 1u << 20);
  EXPECT_GT(good.writes, 16u);
  EXPECT_TRUE(good.complete);
  const InMemoryReply part = ask(*router, {.target = "/good", .headers = {{"Range", "bytes=100-99999"}}});
  EXPECT_EQ(part.body.size(), 99'900u);
  const InMemoryReply bad = ask(*router, {.target = "/bad"});
  EXPECT_EQ(bad.body.size(), 50'000u);
  EXPECT_FALSE(bad.complete);
}

}  // namespace
}  // namespace weir::http

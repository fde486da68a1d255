#include "weir/http/internal/reply_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <string>

namespace weir::http::internal {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(HttpDate, IsAsTheRfcHasIt) {
  EXPECT_EQ(format_http_date(784'111'777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(format_http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(format_http_date(1'709'210'096), "Thu, 29 Feb 2024 12:34:56 GMT");
}

TEST(HttpDate, IsNow) {
  const std::time_t before = std::time(nullptr);
  const std::string now(http_date());
  const std::time_t after = std::time(nullptr);
  EXPECT_TRUE(now == format_http_date(before) || now == format_http_date(after)) << now;
}

TEST(ReplyHead, HasAStatusLineOfItsOwnOrTheStandardPhrase) {
  ResponseHead head;
  std::string out;
  append_head(out, head, {});
  EXPECT_THAT(out, StartsWith("HTTP/1.1 200 OK\r\nDate: "));
  EXPECT_THAT(out, EndsWith(" GMT\r\n\r\n"));
  head.status = 404;
  append_head(out = {}, head, {});
  EXPECT_THAT(out, StartsWith("HTTP/1.1 404 Not Found\r\n"));
  head.reason = "Gone Fishing";
  append_head(out = {}, head, {});
  EXPECT_THAT(out, StartsWith("HTTP/1.1 404 Gone Fishing\r\n"));
  head.status = 299;
  head.reason = "";
  append_head(out = {}, head, {});
  EXPECT_THAT(out, StartsWith("HTTP/1.1 299 \r\n"));
}

TEST(ReplyHead, SaysHowItsBodyEndsAndWhatBecomesOfTheConnection) {
  std::string out;
  append_head(out, {}, {.length = BodyLength::known(12), .connection = ConnectionField::close});
  EXPECT_THAT(out, HasSubstr("\r\nContent-Length: 12\r\nConnection: close\r\n\r\n"));
  append_head(out = {}, {}, {.length = BodyLength::chunked(), .connection = ConnectionField::keep_alive});
  EXPECT_THAT(out, HasSubstr("\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"));
  append_head(out = {}, {}, {.length = BodyLength::until_close()});
  EXPECT_THAT(out, Not(HasSubstr("Content-Length")));
}

TEST(ReplyHead, LeavesOutOnlyTheFieldsOfTheConnection) {
  ResponseHead head;
  for (const std::string_view name : {"connection", "Keep-Alive", "content-length", "Transfer-Encoding",
                                      "UPGRADE", "Proxy-Connection", "Trailer", "Content-Type"}) {
    head.headers.add(name, "x");
  }
  std::string out;
  append_head(out, head, {});
  EXPECT_THAT(out, StartsWith("HTTP/1.1 200 OK\r\nTrailer: x\r\nContent-Type: x\r\nDate: "));
}

TEST(RefusalReply, NamesStatusReasonAndMessage) {
  std::string out;
  append_refusal(out, Refusal::header_count, {});
  EXPECT_THAT(out, StartsWith("HTTP/1.1 431 Request Header Fields Too Large\r\n"));
  EXPECT_THAT(out, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(out, EndsWith("\r\n\r\n{\"error\":{\"status\":431,\"reason\":\"header_count\",\"message\":"
                            "\"there are more header fields than allowed\"}}\n"));
  append_refusal(out = {}, Refusal::handler_failed, {.with_body = false, .close = false});
  EXPECT_THAT(out, EndsWith("\r\n\r\n"));
  EXPECT_THAT(out, Not(HasSubstr("Connection:")));
}

TEST(RefusalReply, NeedsNoEscapes) {
  for (std::size_t i = 0; i < kRefusals; ++i) {
    const RefusalFacts& row = facts(static_cast<Refusal>(i));
    EXPECT_EQ(row.message.find_first_of("\"\\\n"), std::string_view::npos);
    EXPECT_EQ(row.label.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string_view::npos);
  }
}

TEST(Chunks, HaveTheirSizeInHexadecimalAndEndWithTrailers) {
  std::string out;
  append_chunk_size(out, 255);
  EXPECT_EQ(out, "ff\r\n");
  append_last_chunk(out = {}, nullptr);
  EXPECT_EQ(out, "0\r\n\r\n");
  Headers trailers;
  trailers.add("Sum", "7");
  trailers.add("Content-Length", "7");
  append_last_chunk(out = {}, &trailers);
  EXPECT_EQ(out, "0\r\nSum: 7\r\n\r\n");
}

}  // namespace
}  // namespace weir::http::internal

#include "weir/http/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "weir/http/internal/parser_transcript.h"

namespace weir::http {
namespace {

using std::string_literals::operator""s;
using testing::HasSubstr;

Transcript whole(Kind kind, std::string_view bytes, const Parser::Limits& limits = {}) {
  return transcribe(kind, bytes, limits, [&] { return bytes.size(); });
}

// The same whether it comes at once, byte by byte, or cut once anywhere.
void expect_same_however_cut(Kind kind, std::string_view bytes, const Parser::Limits& limits = {}) {
  const Transcript expected = whole(kind, bytes, limits);
  EXPECT_EQ(transcribe(kind, bytes, limits, [] { return 1; }).text, expected.text) << "byte by byte";
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    bool first = true;
    const auto next_read = [&] { return std::exchange(first, false) ? cut : bytes.size(); };
    ASSERT_EQ(transcribe(kind, bytes, limits, next_read).text, expected.text) << "cut at " << cut;
  }
}

struct Case {
  std::string_view name;
  std::string bytes;
  Refusal refusal;
  Kind kind = Kind::request;
};

void PrintTo(const Case& shown, std::ostream* out) { *out << shown.name; }

std::string head_of(std::size_t bytes) {
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  head.append(bytes - head.size() - 4, 'x');
  return head + "\r\n\r\n";
}

std::string fields_of(std::size_t count) {
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (std::size_t i = 1; i < count; ++i) head += "X: y\r\n";
  return head + "\r\n";
}

const std::string kChunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

// Limits small enough for every cut of every case to be tried.
constexpr Parser::Limits kSmall{.head = Bytes{256}, .fields = 8, .target = Bytes{64}, .body = Bytes{100}};

class Refused : public testing::TestWithParam<Case> {};

TEST_P(Refused, ForItsReasonHoweverItIsCut) {
  const Case& input = GetParam();
  EXPECT_EQ(facts(whole(input.kind, input.bytes, kSmall).refusal).label, facts(input.refusal).label);
  expect_same_however_cut(input.kind, input.bytes, kSmall);
}

std::vector<Case> start_lines() {
  using enum Refusal;
  return {
      {"no_request_line", "hello\r\n\r\n", start_line},
      {"lower_case_method", "get / HTTP/1.1\r\nHost: a\r\n\r\n", method},
      {"unknown_method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", method},
      {"endless_method", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", method},
      {"connect", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", method},
      {"tls_hello", "\x16\x03\x01\x02\x00\x01"s, start_line},
      {"blank_first", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", start_line},
      {"http_2_preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", version},
      {"version_2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", version},
      {"version_1_2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", version},
      {"version_0_9", "GET / HTTP/0.9\r\n\r\n", version},
      {"no_version", "GET /\r\n", start_line},
      {"no_version_and_a_blank", "GET / \r\n\r\n", start_line},
      {"version_of_letters", "GET / HTTP/1.x\r\nHost: a\r\n\r\n", start_line},
      {"version_with_two_digits", "GET / HTTP/1.11\r\nHost: a\r\n\r\n", start_line},
      {"other_protocol", "GET / ICE/1.1\r\nHost: a\r\n\r\n", start_line},
      {"rtsp", "GET / RTSP/1.0\r\nHost: a\r\n\r\n", start_line},
      {"lower_case_protocol", "GET / http/1.1\r\nHost: a\r\n\r\n", start_line},
      {"two_blanks_before_target", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", start_line},
      {"two_blanks_before_version", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", start_line},
      {"blank_after_version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", start_line},
      {"blank_in_target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", start_line},
      {"control_in_target", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", target},
      {"high_byte_in_target", "GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", target},
      {"relative_target", "GET foo HTTP/1.1\r\nHost: a\r\n\r\n", target},
      {"fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", target},
      {"asterisk_for_get", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", target},
      {"other_scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", target},
      {"no_authority", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", target},
      {"user_in_authority", "GET http://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n", target},
      {"target_too_long", "GET /" + std::string(64, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", target_too_long},
      {"target_without_end", "GET /" + std::string(1000, 'x'), target_too_long},
      {"lf_after_request_line", "GET / HTTP/1.1\nHost: a\r\n\r\n", line_break},
      {"cr_after_request_line", "GET / HTTP/1.1\rHost: a\r\n\r\n", line_break},
      {"lf_before_request_line", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", line_break},
      {"cr_before_request_line", "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", line_break},

  };
}

std::vector<Case> fields() {
  using enum Refusal;
  const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n";
  return {
      {"lf_after_field", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", line_break},
      {"lf_after_last_field", "GET / HTTP/1.1\r\nHost: a\n\r\n", line_break},
      {"lf_for_end_of_head", "GET / HTTP/1.1\r\nHost: a\r\n\n", line_break},
      {"cr_in_value", get + "X: a\rb\r\n\r\n", line_break},
      {"cr_for_end_of_head", get + "\rX", line_break},
      {"fold_by_blank", get + "X: a\r\n b\r\n\r\n", line_fold},
      {"fold_by_tab", get + "X: a\r\n\tb\r\n\r\n", line_fold},
      {"fold_before_first_field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", line_fold},
      {"fold_of_nothing", get + "X:\r\n \r\n\r\n", line_fold},
      {"blank_before_colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", field},
      {"no_colon", get + "X\r\n\r\n", field},
      {"no_name", get + ": x\r\n\r\n", field},
      {"name_with_bracket", get + "X[: y\r\n\r\n", field},
      {"name_with_high_byte", get + "X\xe9: y\r\n\r\n", field},
      {"null_in_value", get + "X: a\0b\r\n\r\n"s, field},
      {"null_in_name", get + "X\0: b\r\n\r\n"s, field},
      {"delete_in_value", get + "X: a\x7f\r\n\r\n", field},
      {"escape_in_value", get + "X: a\x1b[0m\r\n\r\n", field},
      {"no_host", "GET / HTTP/1.1\r\n\r\n", host},
      {"two_hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", host},
      {"two_hosts_of_1_0", "GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n", host},
      {"host_with_path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", host},
      {"host_with_user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", host},
      {"hosts_in_one_field", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", host},
      {"host_with_port_of_letters", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", host},
      {"host_with_open_bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", host},
      {"absolute_form_without_host", "GET http://a/ HTTP/1.1\r\n\r\n", host},
      {"head_too_large", head_of(257), header_bytes},
      {"head_without_end", head_of(256).substr(0, 252) + "yyyyyyyyyyy", header_bytes},
      {"fields_too_many", fields_of(9), header_count},
      {"other_expectation", get + "Expect: 200-ok\r\n\r\n", expectation},
  };
}

std::vector<Case> lengths() {
  using enum Refusal;
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  const std::string te = "Transfer-Encoding: ";
  return {
      {"length_and_coding", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
       length_conflict},
      {"coding_and_length", post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
       length_conflict},
      {"two_lengths", post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", content_length},
      {"same_length_twice", post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", content_length},
      {"list_of_lengths", post + "Content-Length: 5, 5\r\n\r\n", content_length},
      {"length_of_two_numbers", post + "Content-Length: 5 5\r\n\r\n", content_length},
      {"length_with_plus", post + "Content-Length: +5\r\n\r\n", content_length},
      {"length_with_minus", post + "Content-Length: -5\r\n\r\n", content_length},
      {"hexadecimal_length", post + "Content-Length: 0x5\r\n\r\n", content_length},
      {"empty_length", post + "Content-Length:\r\n\r\n", content_length},
      {"length_that_overflows", post + "Content-Length: 18446744073709551616\r\n\r\n", content_length},
      {"length_over_the_limit", post + "Content-Length: 101\r\n\r\n", body_too_large},
      {"largest_length", post + "Content-Length: 18446744073709551615\r\n\r\n", body_too_large},
      {"coding_on_1_0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", transfer_encoding},
      {"not_chunked_at_all", post + te + "gzip\r\n\r\n", transfer_encoding},
      {"chunked_not_last", post + te + "chunked, gzip\r\n\r\n", transfer_encoding},
      {"chunked_not_last_by_field", post + te + "chunked\r\n" + te + "gzip\r\n\r\n", transfer_encoding},
      {"chunked_twice", post + te + "chunked, chunked\r\n\r\n", transfer_encoding},
      {"identity", post + te + "identity\r\n\r\n", transfer_encoding},
      {"empty_coding", post + te + "\r\n\r\n", transfer_encoding},
      {"empty_member_first", post + te + ", chunked\r\n\r\n", transfer_encoding},
      {"empty_member_last", post + te + "chunked,\r\n\r\n", transfer_encoding},
      {"empty_member_between", post + te + "chunked, ,\r\n\r\n", transfer_encoding},
      {"empty_coding_by_field", post + te + "\r\n" + te + "chunked\r\n\r\n", transfer_encoding},
      {"nearly_chunked", post + te + "xchunked\r\n\r\n", transfer_encoding},
      {"quoted_chunked", post + te + "\"chunked\"\r\n\r\n", transfer_encoding},
      {"chunked_with_parameter", post + te + "chunked;q=1\r\n\r\n", transfer_encoding},
      {"chunked_behind_vertical_tab", post + te + "\x0b" + "chunked\r\n\r\n", field},
      {"other_coding_first", post + te + "gzip, chunked\r\n\r\n0\r\n\r\n", transfer_coding},
      {"other_coding_first_by_field", post + te + "gzip\r\n" + te + "chunked\r\n\r\n", transfer_coding},
      {"body_cut_off", post + "Content-Length: 5\r\n\r\nhell", truncated},
      {"head_cut_off", "GET / HTTP/1.1\r\nHo", truncated},
      {"method_cut_off", "GE", truncated},
  };
}

std::vector<Case> chunks() {
  using enum Refusal;
  return {
      {"chunk_size_missing", kChunked + "\r\nhello", chunk},
      {"chunk_size_hexadecimal_prefix", kChunked + "0x5\r\nhello", chunk},
      {"chunk_size_with_blank", kChunked + "5 \r\nhello\r\n0\r\n\r\n", chunk},
      {"chunk_size_behind_blank", kChunked + " 5\r\nhello\r\n0\r\n\r\n", chunk},
      {"chunk_size_negative", kChunked + "-5\r\nhello\r\n0\r\n\r\n", chunk},
      {"chunk_size_overflow", kChunked + "fffffffffffffffff\r\nhello", chunk},
      {"chunk_size_ended_by_lf", kChunked + "5\nhello\r\n0\r\n\r\n", line_break},
      {"extension_ended_by_lf", kChunked + "5;a=b\nhello\r\n0\r\n\r\n", line_break},
      {"chunk_ended_by_lf", kChunked + "5\r\nhello\n0\r\n\r\n", line_break},
      {"chunk_ended_by_cr", kChunked + "5\r\nhello\r0\r\n\r\n", line_break},
      {"chunk_longer_than_said", kChunked + "5\r\nhelloXX\r\n0\r\n\r\n", chunk},
      {"endless_extension", kChunked + "5;" + std::string(1100, 'x') + "\r\nhello\r\n0\r\n\r\n", chunk},
      {"chunks_over_the_limit", kChunked + "32\r\n" + std::string(50, 'x') + "\r\n33\r\n", body_too_large},
      {"chunk_over_the_limit", kChunked + "ffffffffffffffff\r\n", body_too_large},
      {"chunked_without_end", kChunked + "5\r\nhello\r\n", truncated},
      {"last_chunk_without_end", kChunked + "5\r\nhello\r\n0\r\n", truncated},
      {"trailing_length", kChunked + "0\r\nContent-Length: 5\r\n\r\n", trailer},
      {"trailing_coding", kChunked + "0\r\ntransfer-encoding: chunked\r\n\r\n", trailer},
      {"trailing_host", kChunked + "0\r\nHost: b\r\n\r\n", trailer},
      {"trailer_folded", kChunked + "0\r\nX: a\r\n b\r\n\r\n", line_fold},
      {"trailer_without_name", kChunked + "0\r\n: a\r\n\r\n", field},
      {"trailer_ended_by_lf", kChunked + "0\r\nX: a\n\r\n", line_break},
      {"trailers_ended_by_lf", kChunked + "0\r\nX: a\r\n\n", line_break},
      {"trailers_too_large", kChunked + "0\r\nX: " + std::string(260, 'x') + "\r\n\r\n", header_bytes},
      {"trailers_too_many",
       kChunked + "0\r\na: 1\r\nb: 1\r\nc: 1\r\nd: 1\r\ne: 1\r\nf: 1\r\ng: 1\r\nh: 1\r\ni: 1\r\n\r\n",
       header_count},
      {"second_request_bad", "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n", host},
  };
}

std::vector<Case> responses() {
  using enum Refusal;
  const Kind response = Kind::response;
  return {
      {"not_http", "ICY 200 OK\r\n\r\n", start_line, response},
      {"garbage", "\x15\x03\x03\x02"s, start_line, response},
      {"blank_line_first", "\r\nHTTP/1.1 200 OK\r\n\r\n", start_line, response},
      {"response_version_2", "HTTP/2.0 200 OK\r\n\r\n", version, response},
      {"status_of_two_digits", "HTTP/1.1 20 OK\r\n\r\n", start_line, response},
      {"status_of_four_digits", "HTTP/1.1 2000 OK\r\n\r\n", start_line, response},
      {"status_with_leading_zero", "HTTP/1.1 0200 OK\r\n\r\n", start_line, response},
      {"status_below_100", "HTTP/1.1 099 OK\r\n\r\n", start_line, response},
      {"two_blanks_before_status", "HTTP/1.1  200 OK\r\n\r\n", start_line, response},
      {"control_in_reason", "HTTP/1.1 200 O\x01K\r\n\r\n", start_line, response},
      {"lf_in_reason", "HTTP/1.1 200 O\nK\r\n\r\n", line_break, response},
      {"lf_after_status", "HTTP/1.1 200\nX: y\r\n\r\n", line_break, response},
      {"response_fold", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", line_fold, response},
      {"response_coding_on_1_0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       transfer_encoding, response},
      {"response_empty_member", "HTTP/1.1 200 OK\r\nTransfer-Encoding: , chunked\r\n\r\n", transfer_encoding,
       response},
      {"response_not_chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", transfer_encoding,
       response},
      {"response_other_coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
       transfer_coding, response},
      {"response_length_and_coding",
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", length_conflict,
       response},
      {"response_two_lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
       content_length, response},
      {"response_too_long", "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", body_too_large, response},
      {"response_until_close_too_long", "HTTP/1.1 200 OK\r\n\r\n" + std::string(101, 'x'), body_too_large,
       response},
      {"response_cut_off", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh", truncated, response},
      {"response_head_cut_off", "HTTP/1.1 200 OK\r\nConte", truncated, response},
  };
}

std::string name_of(const testing::TestParamInfo<Case>& info) { return std::string(info.param.name); }

INSTANTIATE_TEST_SUITE_P(StartLines, Refused, testing::ValuesIn(start_lines()), name_of);
INSTANTIATE_TEST_SUITE_P(Fields, Refused, testing::ValuesIn(fields()), name_of);
INSTANTIATE_TEST_SUITE_P(Lengths, Refused, testing::ValuesIn(lengths()), name_of);
INSTANTIATE_TEST_SUITE_P(Chunks, Refused, testing::ValuesIn(chunks()), name_of);
INSTANTIATE_TEST_SUITE_P(Responses, Refused, testing::ValuesIn(responses()), name_of);

void expect_transcript(Kind kind, std::string_view bytes, std::string_view text) {
  EXPECT_EQ(whole(kind, bytes, kSmall).text, text);
  expect_same_however_cut(kind, bytes, kSmall);
}

TEST(Parser, ReadsARequestWithoutABody) {
  expect_transcript(Kind::request, "GET /a?b=c HTTP/1.1\r\nHost: a:80\r\nX:  y \t \r\nEmpty:\r\n\r\n",
                    "GET /a?b=c 1.1\n  Host=a:80\n  X=y\n  Empty=\nlength 0:0 keep\nend\n");
}

TEST(Parser, ReadsPipelinedRequestsInOrder) {
  expect_transcript(Kind::request,
                    "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
                    "\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: a\r\n\r\n"
                    "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                    "POST /1 1.1\n  Host=a\n  Content-Length=5\nlength 1:5 keep\nbody hello\nend\n"
                    "HEAD /2 1.1\n  Host=a\nlength 0:0 keep\nend\n"
                    "GET /3 1.1\n  Host=a\n  Connection=close\nlength 0:0 close\nend\n");
}

TEST(Parser, ReadsChunksAndTrailers) {
  expect_transcript(
      Kind::request, kChunked + "5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nSum: 7\r\nX:\r\n\r\n",
      "POST / 1.1\n  Host=a\n  Transfer-Encoding=chunked\nlength 2:0 keep\nbody hello world\nend\n"
      "  Sum=7\n  X=\n");
}

TEST(Parser, KeepsTrailersApartFromThoseOfTheNextMessage) {
  expect_transcript(Kind::request, kChunked + "0\r\nSum: 7\r\n\r\n" + kChunked + "0\r\n\r\n",
                    "POST / 1.1\n  Host=a\n  Transfer-Encoding=chunked\nlength 2:0 keep\nend\n  Sum=7\n"
                    "POST / 1.1\n  Host=a\n  Transfer-Encoding=chunked\nlength 2:0 keep\nend\n");
}

TEST(Parser, TakesWhatIsJustWithinTheLimits) {
  EXPECT_EQ(whole(Kind::request, head_of(256), kSmall).refusal, Refusal::none);
  EXPECT_EQ(whole(Kind::request, fields_of(8), kSmall).refusal, Refusal::none);
  EXPECT_EQ(
      whole(Kind::request, "GET /" + std::string(63, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", kSmall).refusal,
      Refusal::none);
  EXPECT_EQ(whole(Kind::request,
                  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'x'), kSmall)
                .refusal,
            Refusal::none);
  EXPECT_EQ(
      whole(Kind::request, kChunked + "64\r\n" + std::string(100, 'x') + "\r\n0\r\n\r\n", kSmall).refusal,
      Refusal::none);
}

TEST(Parser, BringsAbsoluteFormIntoOriginForm) {
  expect_transcript(Kind::request, "GET http://b:81/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
                    "GET /x?y 1.1\n  Host=b:81\nlength 0:0 keep\nend\n");
  expect_transcript(Kind::request, "GET HTTP://[::1]?y HTTP/1.1\r\nHost: a\r\n\r\n",
                    "GET /?y 1.1\n  Host=[::1]\nlength 0:0 keep\nend\n");
  expect_transcript(Kind::request, "OPTIONS https://b HTTP/1.1\r\nHost: a\r\n\r\n",
                    "OPTIONS * 1.1\n  Host=b\nlength 0:0 keep\nend\n");
  expect_transcript(Kind::request, "GET http://b HTTP/1.0\r\n\r\n",
                    "GET / 1.0\n  Host=b\nlength 0:0 close\nend\n");
}

TEST(Parser, TakesAsteriskForOptions) {
  expect_transcript(Kind::request, "OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n",
                    "OPTIONS * 1.1\n  Host=\nlength 0:0 keep\nend\n");
}

TEST(Parser, IgnoresAnUpgrade) {
  expect_transcript(
      Kind::request,
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
      "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 2\r\n\r\nhi",
      "GET / 1.1\n  Host=a\n  Connection=Upgrade\n  Upgrade=websocket\nlength 0:0 keep\nend\n"
      "POST / 1.1\n  Host=a\n  Connection=Upgrade\n  Upgrade=x\n  Content-Length=2\n"
      "length 1:2 keep\nbody hi\nend\n");
}

TEST(Parser, TellsWhoWouldKeepTheConnection) {
  expect_transcript(Kind::request, "GET / HTTP/1.0\r\n\r\n", "GET / 1.0\nlength 0:0 close\nend\n");
  expect_transcript(Kind::request, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                    "GET / 1.0\n  Connection=keep-alive\nlength 0:0 keep\nend\n");
  expect_transcript(Kind::request, "GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n",
                    "GET / 1.0\n  Connection=close, keep-alive\nlength 0:0 close\nend\n");
}

TEST(Parser, SeesTheExpectationOnlyWhereItMeansSomething) {
  const std::string expect = "Host: a\r\nExpect: 100-Continue\r\n";
  EXPECT_THAT(whole(Kind::request, "PUT / HTTP/1.1\r\n" + expect + "Content-Length: 1\r\n\r\nx").text,
              HasSubstr("length 1:1 keep continue"));
  EXPECT_THAT(whole(Kind::request, "PUT / HTTP/1.1\r\n" + expect + "Content-Length: 0\r\n\r\n").text,
              HasSubstr("length 1:0 keep\n"));
  EXPECT_THAT(whole(Kind::request, "GET / HTTP/1.1\r\n" + expect + "\r\n").text,
              HasSubstr("length 0:0 keep\n"));
  EXPECT_THAT(whole(Kind::request, "PUT / HTTP/1.0\r\n" + expect + "Content-Length: 1\r\n\r\nx").text,
              HasSubstr("length 1:1 close\n"));
}

TEST(Parser, ReadsResponsesOfEveryLength) {
  expect_transcript(Kind::response,
                    "HTTP/1.1 100 Continue\r\n\r\n"
                    "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n"
                    "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
                    "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
                    "HTTP/1.1 404 \r\n\r\nrest",
                    "100 Continue\nlength 0:0 keep\nend\n"
                    "204 No Content\n  Content-Length=7\nlength 0:0 keep\nend\n"
                    "304 Not Modified\n  Transfer-Encoding=chunked\nlength 0:0 keep\nend\n"
                    "200 OK\n  Content-Length=2\nlength 1:2 keep\nbody hi\nend\n"
                    "200 \n  Transfer-Encoding=chunked\nlength 2:0 keep\nbody hi\nend\n"
                    "404 \nlength 3:0 close\nbody rest\nend by close\n");
}

TEST(Parser, KnowsThatAnAnswerToHeadHasNoBody) {
  ResponseHead head;
  Parser parser({}, head);
  parser.expect_answer_to("HEAD");
  const std::string_view bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
  EXPECT_EQ(parser.next(std::as_bytes(std::span(bytes))).event, Parser::Event::head);
  EXPECT_EQ(parser.body_length(), BodyLength::none());
  EXPECT_EQ(parser.next({}).event, Parser::Event::end);
  EXPECT_EQ(head.headers.get("content-length"), "5");
}

TEST(Parser, GivesViewsOfTheInputAndSaysHowFarItCame) {
  RequestHead head;
  Parser parser({}, head);
  const std::string_view bytes = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET";
  std::span<const std::byte> unread = std::as_bytes(std::span(bytes));
  EXPECT_TRUE(parser.idle());
  Parser::Step step = parser.next(unread);
  EXPECT_EQ(step.event, Parser::Event::head);
  EXPECT_EQ(step.consumed, bytes.size() - 6);
  unread = unread.subspan(step.consumed);
  step = parser.next(unread);
  EXPECT_EQ(step.event, Parser::Event::body);
  EXPECT_EQ(step.body.data(), unread.data());
  EXPECT_EQ(step.body.size(), 3u);
  unread = unread.subspan(step.consumed);
  EXPECT_EQ(parser.next(unread).event, Parser::Event::end);
  EXPECT_TRUE(parser.idle());
  EXPECT_EQ(parser.next(unread).event, Parser::Event::need_more);
  EXPECT_FALSE(parser.idle());
  EXPECT_EQ(parser.finish(), Parser::Event::refused);
  EXPECT_EQ(parser.refusal(), Refusal::truncated);
  EXPECT_EQ(parser.next(unread).event, Parser::Event::refused);
}

// What comes whole and has nothing unusual in it is read without llhttp, and to the
// same end: here each has one thing that may be unusual.
TEST(Parser, ReadsPlainHeadsAsAllOthers) {
  const std::string next = "GET /next?a=%20b HTTP/1.1\r\nHost: a:1\r\n\r\n";
  for (const std::string_view request :
       {"GET / HTTP/1.1\r\nHost: a\r\nX: y  \r\nEmpty:\r\nBlank: \r\nTight:z\r\nTab:\tz\t\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 003\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3 \r\nConnection: Keep-Alive\r\n\r\nabc",
        "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, x\r\nProxy-Connection: close\r\n\r\n",
        "GET /\"{}| HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        "GET http://a/b HTTP/1.1\r\nHost: c\r\nUpgradeX: y\r\nX: \xe4\r\n\r\n"}) {
    SCOPED_TRACE(request);
    const std::string bytes = std::string(request) + next;
    EXPECT_THAT(whole(Kind::request, bytes).text, HasSubstr("GET /next?a=%20b 1.1\n  Host=a:1\n"));
    expect_same_however_cut(Kind::request, bytes);
  }
  for (const std::string_view response :
       {"HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc",
        "HTTP/1.1 204 No Content\r\nServer: s\r\n\r\n", "HTTP/1.1 204\r\n\r\n",
        "HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 Gut \xe4\r\nContent-Length: 3\r\n\r\nabc"}) {
    SCOPED_TRACE(response);
    const std::string bytes = std::string(response) + "HTTP/1.1 200 OK\r\nLast: b\r\n\r\nto the end";
    EXPECT_THAT(whole(Kind::response, bytes).text, HasSubstr("  Last=b\nlength 3:0 close\nbody to the end"));
    expect_same_however_cut(Kind::response, bytes);
  }
}

TEST(Parser, ToleratesBlankLinesBetweenRequestsUpToTheLimit) {
  std::string blank;
  for (int i = 0; i < 128; ++i) blank += "\r\n";
  EXPECT_EQ(whole(Kind::request, blank, kSmall).refusal, Refusal::none);
  EXPECT_EQ(whole(Kind::request, blank + "\r\n", kSmall).refusal, Refusal::header_bytes);
}

TEST(RefusalTable, HasAStatusAndADistinctLabelForEach) {
  std::vector<std::string_view> labels;
  for (std::size_t i = 1; i < kRefusals; ++i) {
    const RefusalFacts& row = facts(static_cast<Refusal>(i));
    EXPECT_GE(row.status, 400) << row.label;
    EXPECT_FALSE(standard_reason(row.status).empty()) << row.status;
    EXPECT_FALSE(row.message.empty()) << row.label;
    EXPECT_THAT(labels, testing::Not(testing::Contains(row.label)));
    labels.push_back(row.label);
  }
}

}  // namespace
}  // namespace weir::http

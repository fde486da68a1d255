#include "weir/http/internal/multipart_parser.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::http::internal {
namespace {

using Event = MultipartParser::Event;

// What comes out of `body` when it is read `step` bytes at a time, pieces of data
// joined.
std::string read(std::string_view body, std::size_t step, const MultipartLimits& limits = {}) {
  MultipartParser parser("B", limits);
  std::string out;
  for (std::size_t at = 0;;) {
    auto input = std::as_bytes(std::span(body.substr(at, step)));
    at += input.size();
    for (;;) {
      const auto got = parser.next(input);
      input = input.subspan(got.consumed);
      if (got.event == Event::need_more) break;
      if (got.event == Event::end) return out + "|end";
      if (got.event == Event::refused) return out + "|" + std::string(to_string(parser.refusal()));
      if (got.event == Event::part) {
        out += "|part";
        for (const auto [name, value] : parser.headers())
          out.append(" ").append(name).append("=").append(value);
        out += ":";
      }
      if (got.event == Event::data)
        out.append(reinterpret_cast<const char*>(got.data.data()), got.data.size());
      if (got.event == Event::part_end) out += ";";
    }
    if (at >= body.size()) return out + "|more";
  }
}

void expect(std::string_view body, std::string_view result, const MultipartLimits& limits = {}) {
  for (std::size_t step = 1; step <= body.size() + 1; ++step) {
    EXPECT_EQ(read(body, step, limits), result) << "in pieces of " << step;
  }
}

TEST(MultipartParser, ReadsPartsWhereverTheyAreCut) {
  expect("--B\r\nA: 1\r\nC: 2\r\n\r\nfirst\r\n--B\r\n\r\nsecond\r\n--B--\r\n",
         "|part A=1 C=2:first;|part:second;|end");
}

TEST(MultipartParser, PassesOverWhatStandsAroundTheParts) {
  expect("pre\r\namble\r\n-\r\n--B \t\r\n\r\nx\r\n--B-- epilogue \r\n--B\r\n", "|part:x;|end");
}

TEST(MultipartParser, KeepsWhatOnlyLooksLikeADelimiter) {
  expect("--B\r\n\r\n\r\n--A\r\n-\r\r\n\r\n--\r\r\r\n--B--", "|part:\r\n--A\r\n-\r\r\n\r\n--\r\r;|end");
}

TEST(MultipartParser, KnowsEmptyPartsAndNoParts) {
  expect("--B\r\nA: 1\r\n\r\n\r\n--B--", "|part A=1:;|end");
  expect("--B--", "|end");
}

TEST(MultipartParser, WantsMoreUntilTheEnd) {
  expect("", "|more");
  expect("--B\r\nA: 1\r\n\r\nfirst\r\n--B\r\n\r\nse", "|part A=1:first;|part:se|more");
}

TEST(MultipartParser, RefusesWhatIsMalformed) {
  expect("--Bx\r\n\r\n", "|malformed");
  expect("--B\n\nx", "|malformed");
  expect("--B-x", "|malformed");
  expect("--B\r\nno colon\r\n\r\n", "|malformed");
  expect("--B\r\nA: 1\r\n folded\r\n\r\n", "|malformed");
  expect("--B\r\nA: 1\n\r\n", "|malformed");
  expect("--B                      \r\n", "|malformed");
}

TEST(MultipartParser, RefusesWhatIsTooMuch) {
  const std::string two = "--B\r\nA: 1\r\n\r\n123\r\n--B\r\n\r\n\r\n--B--";
  expect(two, "|part A=1:123;|too_large", {.parts = 1});
  expect("--B\r\nA: 123456\r\n\r\n", "|too_large", {.headers = Bytes{12}});
  for (std::size_t step = 1; step < two.size(); ++step) {
    EXPECT_TRUE(read(two, step, {.part = Bytes{2}}).ends_with("|too_large")) << step;
    EXPECT_TRUE(read(two, step, {.part = Bytes{3}}).ends_with("|end")) << step;
  }
}

}  // namespace
}  // namespace weir::http::internal

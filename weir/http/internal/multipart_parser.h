// Bytes into the parts of a multipart body (RFC 2046 section 5.1): no copy of
// the data, whatever the cuts between reads.
//
//   for (;;) {
//     const MultipartParser::Step step = parser.next(unread);
//     unread = unread.subspan(step.consumed);
//     if (step.event == MultipartParser::Event::need_more) { read more; at the end of the body it is
//     malformed } if (step.event == MultipartParser::Event::part) { parser.headers() }
//     ...
//   }
//
// Lines end with CRLF, and headers are not folded. What stands before the first
// and after the last delimiter is passed over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "weir/base/result.h"
#include "weir/http/headers.h"
#include "weir/http/multipart_limits.h"

namespace weir::http::internal {

class MultipartParser {
 public:
  enum class Event : std::uint8_t {
    need_more,  // all input was consumed
    part,       // one begins: headers()
    data,       // of the part: Step::data, never empty
    part_end,
    end,      // of the body, and again on every later call
    refused,  // refusal() says why, and again on every later call
  };
  struct Step {
    Event event;
    std::size_t consumed;
    std::span<const std::byte> data = {};  // in the input, or the parser's until the next call
  };

  MultipartParser(std::string_view boundary, const MultipartLimits& limits)
      : limits_(limits), delimiter_("\r\n--" + std::string(boundary)) {}

  Step next(std::span<const std::byte> input);

  const Headers& headers() const { return headers_; }
  // malformed or too_large.
  Reason refusal() const { return refusal_; }

 private:
  enum class Stage : std::uint8_t { preamble, data, after_delimiter, header, epilogue, refused };

  Step refuse(Reason reason);
  // Each goes on from `at`.
  Step scan(std::string_view text);
  Step found(std::string_view data, std::size_t consumed);
  bool read_tail(std::string_view text, std::size_t& at);
  bool read_header(std::string_view text, std::size_t& at);
  bool end_line();

  const MultipartLimits limits_;
  const std::string delimiter_;
  Headers headers_;
  Stage stage_ = Stage::preamble;
  Reason refusal_ = Reason::none;
  // How much of the delimiter has been seen: at the beginning of the body the line
  // end before it is taken for granted. And how much of that in earlier inputs.
  std::size_t matched_ = 2;
  std::size_t carried_ = 2;
  std::string line_;  // what follows a delimiter, or a header
  bool part_open_ = false;
  std::uint32_t parts_ = 0;
  std::uint64_t header_bytes_ = 0;
  std::uint64_t part_bytes_ = 0;
};

}  // namespace weir::http::internal

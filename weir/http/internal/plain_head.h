// Heads that have nothing in them that is worth a second look, as nearly all are: read
// here, a small request takes 2,500 instructions less (docs/design/http-performance.md).
//
// What is taken here llhttp takes as well, and makes the same of it; all else is left
// to it from the beginning, and to it alone to refuse. Pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/http/headers.h"

namespace weir::http::internal {

// Views of the input. It is of HTTP/1.1, and the connection stays.
struct PlainHead {
  // More is not plain.
  static constexpr std::size_t kFieldsMax = 32;

  std::string_view what;  // a request's target, a response's reason
  int status = 0;         // of a response
  std::uint32_t hosts = 0;
  std::optional<std::uint64_t> length;  // Content-Length
  std::size_t bytes = 0;                // of the head, with the empty line
  std::size_t count = 0;
  std::array<Headers::Field, kFieldsMax> fields;  // the first `count`: values may end in blanks
  std::string_view lines;                         // of the fields, as they came
  bool canonical = true;                          // one blank before each value, none behind
};

// RFC 9110 section 5.6.2.
bool is_token_character(char c);

// `input` begins with the head; a request's with a known method of `method` bytes and a
// blank. False: it is not plain, or not there to its end.
bool read_plain_request(std::string_view input, std::size_t method, PlainHead& plain);
bool read_plain_response(std::string_view input, PlainHead& plain);

}  // namespace weir::http::internal

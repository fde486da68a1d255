// Heads that have nothing in them that is worth a second look, as nearly all have:
// they are read here, for a third of what llhttp takes.
//
// What is taken here llhttp takes as well, and makes the same of it; all else is left
// to it from the beginning, and to it alone to refuse. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/http/message.h"

namespace weir::http::internal {

// What a plain head says beside what is in the head itself. It is of HTTP/1.1, and the
// connection stays.
struct PlainHead {
  std::size_t bytes = 0;  // with the empty line
  int status = 0;         // of a response
  std::uint32_t hosts = 0;
  std::optional<std::uint64_t> length;  // Content-Length
};

struct PlainLimits {
  std::size_t bytes;
  std::size_t fields;
  std::size_t target;
};

// `input` begins with the head, a request's with the method and a blank, which are
// checked already. Fills in the target, or the reason, and the fields; nullopt: none of
// them.
std::optional<PlainHead> read_plain_head(std::string_view input, const PlainLimits& limits,
                                         RequestHead& head);
std::optional<PlainHead> read_plain_head(std::string_view input, const PlainLimits& limits,
                                         ResponseHead& head);

}  // namespace weir::http::internal

// Text that comes from a file or a person: whether it is text at all, and how it
// is quoted in a message.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "weir/service/diagnostics.h"

namespace weir::service {

struct TextFault {
  std::size_t offset;  // of the first byte that is wrong
  Fault fault;
};

// nullopt where `text` is UTF-8 of printable characters, tabs and line breaks (LF
// or CR LF). Everything else is refused before the YAML parser sees it: yaml-cpp
// takes some control bytes for its own marks, and a terminal for commands.
std::optional<TextFault> find_text_fault(std::string_view text);

// The length in bytes of the UTF-8 character at the front of `text`, 0 where
// there is none (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF).
std::size_t utf8_length(std::string_view text);

// What is wrong with a name that is to be fit for a metric's label, a Via header and
// a file name; `what` is what it names. nullopt: nothing.
std::optional<Fault> name_fault(std::string_view what, std::string_view name);

// In double quotes, with control characters escaped, cut after 60 bytes.
std::string in_quotes(std::string_view text);

}  // namespace weir::service

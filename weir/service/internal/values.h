// Numbers, durations and sizes of a bounds file, out of their text.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

#include "weir/service/internal/keys.h"
#include "weir/service/internal/text.h"

namespace weir::service::internal {

// The value of `key` (of kind number, duration or bytes) in the unit of its
// range, or what is wrong with `text`: no such value, too large, out of range.
// `name` is the key as the message calls it: "upstreams.catalog.timeout".
std::expected<std::uint64_t, Fault> parse_value(const KeySpec& key, std::string_view name,
                                                std::string_view text);

}  // namespace weir::service::internal

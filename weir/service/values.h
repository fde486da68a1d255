// Numbers, durations and sizes of a YAML file, out of their text.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

#include "weir/service/schema.h"
#include "weir/service/text.h"

namespace weir::service {

// The value of `key` (of a kind from number to decimal) in the unit of its
// range, or what is wrong with `text`: no such value, too large, out of range.
// `name` is the key as the message calls it: "upstreams.catalog.timeout".
std::expected<std::uint64_t, Fault> parse_value(const KeySpec& key, std::string_view name,
                                                std::string_view text);

}  // namespace weir::service

// Values of a scenario file that are one of a few words.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

#include "weir/chaos/scenario.h"
#include "weir/service/diagnostics.h"
#include "weir/service/section.h"

namespace weir::chaos::internal {

// Which of `words` the key's value is. nullopt where the key is absent or has been
// reported.
std::optional<std::size_t> read_word(const service::Section& section, std::string_view key,
                                     std::span<const std::string_view> words, service::Diagnostics& findings);

// "disconnected", "overloaded/queue_full": the kind and the reason of an Error.
std::expected<ErrorFault, service::Fault> parse_error_words(std::string_view text);

}  // namespace weir::chaos::internal

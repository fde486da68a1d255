// What a bounds file says of admission beside the limits: what moves them, rates, how
// important a request is, memory.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "weir/service/config.h"
#include "weir/service/section.h"

namespace weir::service::internal {

// The header's name in "header:Name"; `name` is the key's.
std::expected<std::string, Fault> parse_header_key(std::string_view name, std::string_view text);

// The section's `key`, as that.
void read_header_key(const Section& section, std::string& header, Diagnostics& findings);

// The section's `key`, of kind text: true or false.
Given read_flag(const Section& section, std::string_view key, bool& out, Diagnostics& findings);

// A token of RFC 9110, section 5.6.2: a header's name, a method.
bool is_token(std::string_view text);

// The words of a text, with blanks and commas between them.
std::vector<std::string> words_of(std::string_view text);

// What moves a limit that has been read.
struct LimiterPlace {
  const Section& section;
  std::string_view word;  // the key of the algorithm
  bool has_objective;     // among the keys
  Given limit;
  std::uint32_t limit_value;
};
void read_limiter(const LimiterPlace& of, LimiterConfig& config, Diagnostics& findings);

// Of a queue.
void read_order(const Section& queue, QueueConfig& config, Diagnostics& findings);

void read_rate(const Section& rate, RateConfig& config, Diagnostics& findings);

// `most`: bounds.inflight.limit; 0: not known.
void read_overrides(const Section& tenant, TenantConfig& config, std::uint32_t most, Diagnostics& findings);

// bounds.priority and bounds.memory.
void read_importance(const Section& bounds, GatewayConfig& config, Diagnostics& findings);

}  // namespace weir::service::internal

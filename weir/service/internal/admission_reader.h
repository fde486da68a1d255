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

// RFC 9110, section 5.6.2: what a header's name and a method are.
bool is_token(std::string_view text);

// Of bounds.inflight, whose limit has been read.
void read_limiter(const Section& inflight, InflightConfig& config, Diagnostics& findings);

// Of its queue.
void read_order(const Section& queue, QueueConfig& config, Diagnostics& findings);

void read_rate(const Section& rate, RateConfig& config, Diagnostics& findings);

// `most`: bounds.inflight.limit; 0: not known.
void read_overrides(const Section& tenant, TenantConfig& config, std::uint32_t most, Diagnostics& findings);

// bounds.priority and bounds.memory.
void read_importance(const Section& bounds, GatewayConfig& config, Diagnostics& findings);

}  // namespace weir::service::internal

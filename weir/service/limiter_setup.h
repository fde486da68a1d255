// What a configuration says of what moves a limit, and of who is served next of those
// that wait, as parts of weir/admission. Any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "weir/admission/limiter.h"
#include "weir/core/limit.h"
#include "weir/service/config.h"

namespace weir::service {

// `limit`: the most that it sets; of a fixed one, what it is.
std::unique_ptr<admission::Limiter> make_limiter(const LimiterConfig& config, std::uint32_t limit);

// What make_limiter()'s begins with.
std::uint32_t initial_limit(const LimiterConfig& config, std::uint32_t limit);

// With an order of its own. `priority`: the shares that the order `priority` leaves.
core::Limit::Queue make_queue(const QueueConfig& config, const std::optional<PriorityConfig>& priority);

}  // namespace weir::service

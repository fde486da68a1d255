// Asks the targets of one upstream whether they are well, each on its own turn.
#pragma once

#include <atomic>
#include <cstdint>

#include "weir/bounds/bound.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/service/targets.h"

namespace weir::service {

// Targets of one upstream that are checked at once.
constexpr std::uint32_t kChecksMax = 16;

// Until `context` ends: checks each target of what is then the current set, as that
// says, under a permit of `*bound` for each check. Null: nothing is checked. Each check
// is on a connection of its own, so that accepting is part of it.
core::task<> check_targets(core::Context& context, Targets& targets,
                           const std::atomic<bounds::Bound*>& bound);

}  // namespace weir::service

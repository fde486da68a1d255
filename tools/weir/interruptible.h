// What a verb runs as a task until it is done, or until Ctrl-C.
#pragma once

#include <functional>

#include "weir/core/context.h"
#include "weir/core/runtime.h"
#include "weir/core/task.h"

namespace weir::tools {

// Runs `work` on a runtime of its own. SIGINT and SIGTERM cancel its context:
// it then ends with what it has. Throws std::runtime_error where the runtime
// cannot run.
void run_interruptible(core::Runtime::Options options,
                       const std::function<core::task<>(core::Context& context)>& work);

}  // namespace weir::tools

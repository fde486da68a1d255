// A task cannot be started without a permit.
// expect: no matching (member )?function for call to .*spawn
#include <utility>

#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/core/task.h"

using weir::Result;
using weir::core::Context;
using weir::core::Limit;
using weir::core::Permit;
using weir::core::Scope;
using weir::core::task;

task<> work() { co_return; }

void start(Scope& scope, Permit permit) {
#ifdef MUST_FAIL
  scope.spawn(work());
#else
  scope.spawn(std::move(permit), work());
#endif
}

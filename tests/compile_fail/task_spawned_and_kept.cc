// spawn() takes the task away: one that is kept could be run again.
// expect: (deleted|no matching)
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

void start(Scope& scope, Permit permit, task<> work) {
#ifdef MUST_FAIL
  scope.spawn(std::move(permit), work);
#else
  scope.spawn(std::move(permit), std::move(work));
#endif
}

// Awaiting uses a task up, so only one that is given away can be awaited.
// expect: (co_await|rvalue)
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

task<> run(task<> work) {
#ifdef MUST_FAIL
  co_await work;
#else
  co_await std::move(work);
#endif
}

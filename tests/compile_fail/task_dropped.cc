// Calling a coroutine does not run it: a call whose task is dropped is a mistake.
// expect: (nodiscard|unused-result|unused-value)
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

task<> run() {
#ifdef MUST_FAIL
  work();
#else
  co_await work();
#endif
  co_return;
}

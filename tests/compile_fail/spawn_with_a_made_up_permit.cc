// Only a Limit makes a permit that is held.
// expect: (private|no matching constructor|is private within this context)
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

void start(Scope& scope, Limit& limit) {
#ifdef MUST_FAIL
  scope.spawn(Permit(limit, 1), work());
#else
  if (Result<Permit> permit = limit.try_acquire()) scope.spawn(std::move(*permit), work());
#endif
}

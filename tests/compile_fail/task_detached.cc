// Nothing outlives the scope that started it.
// expect: (no member named|has no member named) .detach
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
  std::move(work).detach();
#else
  scope.spawn(std::move(permit), std::move(work));
#endif
}

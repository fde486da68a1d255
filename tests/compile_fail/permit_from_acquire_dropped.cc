// The same for a permit that was waited for.
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

task<> start(Context& context, Limit& limit) {
#ifdef MUST_FAIL
  co_await limit.acquire(context);
#else
  Result<Permit> permit = co_await limit.acquire(context);
#endif
}

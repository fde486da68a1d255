// To acquire is to wait for it: what is not awaited acquires nothing.
// expect: (nodiscard|unused-result|unused-value)
#include "weir/bounds/bound.h"
#include "weir/core/task.h"

using weir::Result;
using weir::bounds::Bound;
using weir::core::Context;
using weir::core::Permit;
using weir::core::task;

task<> start(Context& context, Bound& bound) {
#ifdef MUST_FAIL
  bound.acquire(context);
#endif
  Result<Permit> permit = co_await bound.acquire(context);
}

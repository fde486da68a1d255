// A scope that joins what it started exists inside with_scope alone.
// expect: (private constructor|is private|no matching constructor)
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

task<Result<>> run(Context& context) {
#ifdef MUST_FAIL
  Scope scope(context, weir::core::OnError::run_all);
  co_return Result<>();
#else
  co_return co_await weir::core::with_scope(context, [](Scope&) -> task<> { co_return; });
#endif
}

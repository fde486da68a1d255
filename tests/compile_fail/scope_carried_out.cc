// A scope cannot be copied or moved out of the body it joins for.
// expect: (deleted|implicitly-deleted|implicitly deleted)
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

task<> body(Scope& scope) {
#ifdef MUST_FAIL
  Scope mine = std::move(scope);
#else
  Scope& mine = scope;
#endif
  mine.cancel();
  co_return;
}

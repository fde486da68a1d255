// One unit of a limit, one owner.
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

Permit twice(Permit permit) {
#ifdef MUST_FAIL
  Permit other = permit;
#else
  Permit other = std::move(permit);
#endif
  return other;
}

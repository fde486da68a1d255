// A task runs once, so there is one of it.
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

task<> keep(task<> work) {
#ifdef MUST_FAIL
  task<> other = work;
#else
  task<> other = std::move(work);
#endif
  return other;
}

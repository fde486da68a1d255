// Whether there was a permit is the answer: it cannot go unread.
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

void start(Limit& limit) {
#ifdef MUST_FAIL
  limit.try_acquire();
#else
  Result<Permit> permit = limit.try_acquire();
#endif
}

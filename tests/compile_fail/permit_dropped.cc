// A permit that nobody keeps would bound nothing.
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

Permit make(Limit& limit) {
  Result<Permit> permit = limit.try_acquire();
  return permit ? std::move(*permit) : Permit();
}

void start(Limit& limit) {
#ifdef MUST_FAIL
  make(limit);
#else
  Permit permit = make(limit);
#endif
}

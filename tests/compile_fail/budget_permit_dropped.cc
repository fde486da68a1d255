// Whether a tier had room is the answer: it cannot go unread, waited for or not.
// expect: (nodiscard|unused-result|unused-value)
#include "weir/bounds/budget.h"
#include "weir/core/task.h"

using weir::Result;
using weir::bounds::Budget;
using weir::core::Context;
using weir::core::task;

task<> start(Context& context, Budget& budget) {
#ifdef MUST_FAIL
  co_await budget.acquire(context, Budget::Tier{0});
#else
  Result<Budget::Permit> waited = co_await budget.acquire(context, Budget::Tier{0});
  Result<Budget::Permit> tried = budget.try_acquire(Budget::Tier{0});
#endif
}

// Only a limit makes permits.
// expect: (private|no matching constructor|no matching function)
#include "weir/core/limit.h"

using weir::core::Limit;
using weir::core::Permit;

Permit make(Limit& limit) {
#ifdef MUST_FAIL
  return Permit(limit, 1u);
#else
  auto permit = limit.try_acquire();
  return permit ? std::move(*permit) : Permit();
#endif
}

// Only a KeyedBound makes permits.
// expect: (private|no matching constructor|no matching function)
#include "weir/bounds/keyed_bound.h"

using weir::bounds::KeyedBound;

KeyedBound::Permit make(KeyedBound& tenants) {
#ifdef MUST_FAIL
  return KeyedBound::Permit(tenants, 0u, 1u);
#else
  auto permit = tenants.try_acquire("a");
  return permit ? std::move(*permit) : KeyedBound::Permit();
#endif
}

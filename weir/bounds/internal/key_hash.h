// The hash of keys from outside: weir/base/hash.h.
#pragma once

#include "weir/base/hash.h"

namespace weir::bounds::internal {

using weir::hash_key;

}  // namespace weir::bounds::internal

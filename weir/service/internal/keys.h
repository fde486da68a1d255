// Every key a bounds file may hold: the reader takes types, ranges and examples
// from here, and a test holds docs/bounds-yaml.md against it.
#pragma once

#include "weir/service/schema.h"

namespace weir::service::internal {

Schema config_schema();

}  // namespace weir::service::internal

// Kinds of values that several verbs take.
#pragma once

#include "weir/base/clock.h"
#include "weir/base/units.h"

namespace CLI {
class App;
}

namespace weir::tools {

// "500KB" or "4GiB", above 0; anything else is a usage error that says so.
void add_size(CLI::App& verb, const char* name, Bytes& into, const char* help);

// "250ms" or "10s", above 0; as above.
void add_duration(CLI::App& verb, const char* name, Duration& into, const char* help);

}  // namespace weir::tools

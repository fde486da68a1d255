// One YAML file on another: what differs from one environment to the next.
//
//   base.yaml                                   prod.yaml
//     bounds:                                     bounds:
//       inflight: { limit: 200, because: b }        inflight: { limit: 800 }
//       tenant: { ... }                             tenant: null
//
// Maps are merged key by key. Everything else, a list too, takes the place of what
// is there, and so does a map where there is none. A key with no value (or null, ~)
// takes the key away. Order: that of the lower file, then what is new.
//
// Each value keeps the place it has in its own file, so that what is wrong with it is
// told there. Pure functions on trees; callable from any thread.
#pragma once

#include <cstdint>
#include <string>

#include "weir/service/diagnostics.h"
#include "weir/service/yaml_tree.h"

namespace weir::service {

// Marks every place in the tree as one of the file with this number.
void set_file(YamlNode& node, std::uint32_t file);

// Mistakes of the upper file that cannot be seen any more afterwards go to
// `findings`: keys given twice, and a file that is no map. A key that takes away what
// is not there is a warning.
void put_over(YamlTree& lower, YamlTree upper, Diagnostics& findings);

// The tree as a file, a line for each value, and behind it as a comment where it comes
// from: "limit: 800  # prod.yaml:3:22". Reads back as the same tree.
std::string print_yaml(const YamlNode& root, const Diagnostics& files);

}  // namespace weir::service

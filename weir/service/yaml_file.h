// A YAML file or its text as a tree: what every file of the project's own is read
// with before its keys are looked at (section.h).
//
//   Diagnostics findings;
//   const auto tree = load_yaml("bounds.yaml", findings);
//   if (!tree) return findings;              // not readable, too large, no text
//
// Callable from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "weir/base/units.h"
#include "weir/service/diagnostics.h"
#include "weir/service/yaml_tree.h"

namespace weir::service {

inline constexpr Bytes kYamlBytesMax = mebibytes(1);

// `file` is the name shown in messages. `findings` is made anew. nullopt where
// `text` is too large or no text; mistakes of syntax leave a tree in part.
std::optional<YamlTree> parse_yaml(std::string file, std::string_view text, Diagnostics& findings);

// Reads `path` first: a file that cannot be read is a mistake as well. Blocks; for
// start-up and tools.
std::optional<YamlTree> load_yaml(const std::string& path, Diagnostics& findings);

}  // namespace weir::service

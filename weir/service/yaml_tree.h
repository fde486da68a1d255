// YAML text as a tree in which every value knows its place and nothing is lost:
// a key that is given twice is there twice.
//
// Built from yaml-cpp's events and not from its nodes: the limits on depth and
// count hold while the text is parsed, and anchors and aliases, with which a few
// lines can describe billions of values, are refused instead of expanded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/service/diagnostics.h"

namespace weir::service {

// The deepest configuration needs 4.
inline constexpr std::size_t kYamlDepthMax = 16;
inline constexpr std::size_t kYamlNodesMax = 100'000;

struct YamlNode {
  enum class Kind : std::uint8_t {
    null,    // nothing, ~ or null
    scalar,  // `text`
    list,    // `children` are its entries
    map,     // `children` are key, value, key, value ..., in the order of the file
    broken,  // reported already: to be passed over in silence
  };

  Kind kind = Kind::null;
  Place place;
  std::string text;
  std::vector<YamlNode> children;

  std::size_t pairs() const { return children.size() / 2; }
  const YamlNode& key(std::size_t pair) const { return children[2 * pair]; }
  const YamlNode& value(std::size_t pair) const { return children[2 * pair + 1]; }
};

struct YamlTree {
  YamlNode root;
  // False after a mistake that ended the parsing: `root` then holds the entries
  // before it, and says nothing about what is missing.
  bool whole = true;
};

// `text` has passed find_text_fault(). Mistakes go to `findings`: at most one of
// syntax, because what follows one cannot be trusted.
YamlTree parse_yaml(std::string_view text, Diagnostics& findings);

}  // namespace weir::service

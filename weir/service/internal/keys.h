// Every key a bounds file may hold, as data: the reader takes types, ranges and
// examples from here, and a test holds docs/bounds-yaml.md against it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::service::internal {

enum class KeyKind : std::uint8_t {
  section,   // a map with the keys below it
  names,     // a map from names of the user's choice
  list,      // entries, each a section
  number,    // a whole number
  duration,  // "50ms"; its range is in nanoseconds
  bytes,     // "32KiB"
  text,      // its range is its length in bytes
};

struct KeySpec {
  std::string_view path;  // "upstreams.*.url": * is any name, or any entry of a list
  KeyKind kind;
  bool required = false;
  std::uint64_t min = 0;
  std::uint64_t max = 0;
  std::string_view example = {};  // a value that is right
  // Where 0 is below `min`: what it would do, as a reason to refuse it.
  std::string_view zero = {};
};

std::span<const KeySpec> config_keys();

// nullptr where there is no such key.
const KeySpec* find_key(std::string_view path);

// The last words of the keys right below `path` ("" for the top level).
std::vector<std::string_view> keys_below(std::string_view path);

// "from 1 to 1000000", "from 1ms to 1h", "from 1KiB to 1MiB".
std::string range_text(const KeySpec& key);

// A value of the key's kind as it is written in a file: 50'000'000 is "50ms".
std::string value_text(KeyKind kind, std::uint64_t value);

}  // namespace weir::service::internal

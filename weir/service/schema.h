// What a YAML file may hold, as data: every key with its type, range and example.
// A reader takes all three from here (section.h), and a test can hold the file's
// document against it.
//
// Plain values; callable from any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::service {

enum class KeyKind : std::uint8_t {
  section,   // a map with the keys below it
  names,     // a map from names of the user's choice
  list,      // entries, each a section
  number,    // a whole number
  duration,  // "50ms"; its range is in nanoseconds
  bytes,     // "32KiB"
  rate,      // "1MiB/s"; its range is in bytes a second
  decimal,   // "0.5"; its range is in millionths
  text,      // its range is its length in bytes
  texts,     // a list of them; its range is their number
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

// A view of keys that are constants.
class Schema {
 public:
  explicit constexpr Schema(std::span<const KeySpec> keys) : keys_(keys) {}

  std::span<const KeySpec> keys() const { return keys_; }

  // nullptr where there is no such key.
  const KeySpec* find(std::string_view path) const;

  // The last words of the keys right below `path` ("" for the top level).
  std::vector<std::string_view> below(std::string_view path) const;

 private:
  std::span<const KeySpec> keys_;
};

// "from 1 to 1000000", "from 1ms to 1h", "from 1KiB to 1MiB".
std::string range_text(const KeySpec& key);

// A value of the key's kind as it is written in a file: 50'000'000 is "50ms".
std::string value_text(KeyKind kind, std::uint64_t value);

}  // namespace weir::service

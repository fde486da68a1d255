// A map of a YAML file, held against what a schema says may be in it.
//
// Making one reports what is wrong with the map as such: keys that are unknown,
// given twice or missing. Reading a value reports what is wrong with the value,
// leaves `out` alone then, and answers false.
//
//   Section inflight(schema, node, "bounds.inflight", "bounds.inflight", place, findings);
//   const Given limit = inflight.read("limit", config.limit);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/units.h"
#include "weir/service/schema.h"
#include "weir/service/yaml_tree.h"

namespace weir::service {

struct NamedSection;
struct NamedText;

// What came of reading a value.
struct Given {
  Place place;        // false: not in the file, or wrong
  bool known = true;  // right, or left to its default; false: wrong, and reported

  explicit operator bool() const { return static_cast<bool>(place); }
};

class Section {
 public:
  // `node` is a map, or null for one without keys. `path` as in the schema;
  // `name` is the path as messages write it ("upstreams.catalog"), "" at the top.
  // `whole`: false where keys may be missing for another reason.
  // The node and the findings outlive the section.
  Section(Schema schema, const YamlNode& node, std::string path, std::string name, Place place,
          Diagnostics& findings, bool whole = true);

  // Where the section is: the place of its key.
  Place place() const { return place_; }
  const std::string& name() const { return name_; }

  // Where the key stands, whatever its value is; false: it does not.
  Place key_place(std::string_view key) const;

  // nullptr where the key is absent or has been reported.
  const YamlNode* find(std::string_view key) const;

  // Values of the kind the key has in the schema; false where the key is absent as well.
  Given read(std::string_view key, std::uint32_t& out) const;
  Given read(std::string_view key, std::uint64_t& out) const;
  Given read(std::string_view key, double& out) const;  // of kind decimal
  Given read(std::string_view key, Duration& out) const;
  Given read(std::string_view key, Bytes& out) const;
  Given read(std::string_view key, std::string& out) const;

  // The entries of a key of kind texts; empty where it is absent or wrong as a whole.
  struct Item {
    std::string text;
    Place place;
  };
  std::vector<Item> items(std::string_view key) const;

  // nullopt where the key is absent or its value is no map.
  std::optional<Section> section(std::string_view key) const;

  // The maps below a key of kind names or list, in the order of the file. Too few
  // and too many are reported.
  std::vector<NamedSection> sections(std::string_view key) const;

  // The texts below a key of kind names, in the order of the file.
  std::vector<NamedText> texts(std::string_view key) const;

  // "bounds.inflight.limit"
  std::string name_of(std::string_view key) const;

 private:
  void refuse_unknown(const YamlNode& key) const;
  void refuse_missing() const;
  const KeySpec& spec(std::string_view key) const;
  std::optional<std::uint64_t> read_value(std::string_view key, Given& given) const;
  const YamlNode* scalar(const KeySpec& spec, std::string_view key) const;
  bool check_text(const KeySpec& spec, const std::string& name, const YamlNode& node) const;
  bool check_count(const KeySpec& spec, std::string_view key, const YamlNode& node, std::size_t count) const;
  std::optional<Section> as_section(const YamlNode& node, Place place, std::string path,
                                    std::string name) const;

  Schema schema_;
  const YamlNode* node_;
  std::string path_;
  std::string name_;
  Place place_;
  Diagnostics* findings_;
};

struct NamedSection {
  std::string name;  // empty for the entry of a list
  Section section;
};

struct NamedText {
  std::string name;
  std::string text;
  Place place;  // of the name
};

}  // namespace weir::service

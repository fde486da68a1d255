// Reading a YAML file whose first mistake ends it, with the line.
//
//   const YamlFile file(path);
//   file.check_keys(file.root(), {"requests", "labels"});
//   file.check(node, node.IsSequence(), "requests: is a list");
//
// Throws WrongFile, and YAML::Exception for what is no YAML at all: read_yaml()
// is what the public functions call, and makes text of both.
#pragma once

#include <yaml-cpp/yaml.h>

#include <expected>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "weir/base/clock.h"

namespace weir::load::internal {

// What() is for the user: "mix.yaml:7: ...".
struct WrongFile : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class YamlFile {
 public:
  // Reads and parses it.
  explicit YamlFile(std::string path);

  const YAML::Node& root() const { return root_; }
  const std::string& path() const { return path_; }

  [[noreturn]] void refuse(const YAML::Node& at, const std::string& what) const;
  void check(const YAML::Node& at, bool right, const std::string& what) const;
  // It is a map, and has no other keys.
  void check_keys(const YAML::Node& map, std::initializer_list<std::string_view> known) const;

  // What a key holds; `otherwise`, or nullopt, where it is not there.
  std::string text(const YAML::Node& map, const char* key, const std::string& otherwise) const;
  std::optional<double> number(const YAML::Node& map, const char* key, double least, double most) const;
  // Above 0.
  std::optional<Duration> duration(const YAML::Node& map, const char* key) const;

  static std::string content_of(const std::string& path);

 private:
  const std::string path_;
  YAML::Node root_;
};

// What `read` returns, or why it could not.
template <typename Read>
auto read_yaml(const std::string& path, Read read)
    -> std::expected<decltype(read(std::declval<const YamlFile&>())), std::string> {
  try {
    return read(YamlFile(path));
  } catch (const WrongFile& wrong) {
    return std::unexpected(wrong.what());
  } catch (const YAML::Exception& wrong) {
    return std::unexpected(path + ":" + std::to_string(wrong.mark.line + 1) + ": " + wrong.msg);
  }
}

}  // namespace weir::load::internal

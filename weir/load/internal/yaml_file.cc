#include "weir/load/internal/yaml_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "weir/base/units.h"

namespace weir::load::internal {

YamlFile::YamlFile(std::string path) : path_(std::move(path)), root_(YAML::Load(content_of(path_))) {}

std::string YamlFile::content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file) throw WrongFile(path + ": cannot be read");
  return std::move(content).str();
}

void YamlFile::refuse(const YAML::Node& at, const std::string& what) const {
  throw WrongFile(path_ + ":" + std::to_string(at.Mark().line + 1) + ": " + what);
}

void YamlFile::check(const YAML::Node& at, bool right, const std::string& what) const {
  if (!right) refuse(at, what);
}

void YamlFile::check_keys(const YAML::Node& map, std::initializer_list<std::string_view> known) const {
  check(map, map.IsMap(), "is no map of keys and values");
  for (const auto& entry : map) {
    const std::string key = entry.first.Scalar();
    check(entry.first, std::ranges::find(known, key) != known.end(),
          fmt::format("there is no key \"{}\" here; there are: {}", key, fmt::join(known, ", ")));
  }
}

std::string YamlFile::text(const YAML::Node& map, const char* key, const std::string& otherwise) const {
  const YAML::Node value = map[key];
  if (!value) return otherwise;
  check(value, value.IsScalar(), std::string(key) + ": is a text");
  return value.Scalar();
}

std::optional<double> YamlFile::number(const YAML::Node& map, const char* key, double least,
                                       double most) const {
  const YAML::Node value = map[key];
  if (!value) return std::nullopt;
  double number = 0;
  const bool right = value.IsScalar() && YAML::convert<double>::decode(value, number);
  check(value, right && number >= least && number <= most,
        fmt::format("{}: is a number from {} to {}", key, least, most));
  return number;
}

std::optional<Duration> YamlFile::duration(const YAML::Node& map, const char* key) const {
  const YAML::Node value = map[key];
  if (!value) return std::nullopt;
  const std::optional<Duration> parsed = value.IsScalar() ? parse_duration(value.Scalar()) : std::nullopt;
  check(value, parsed && *parsed > Duration::zero(),
        std::string(key) + ": is a time above 0, such as 250ms or 10s");
  return *parsed;
}

}  // namespace weir::load::internal

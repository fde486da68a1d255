#include "weir/service/schema.h"

#include <fmt/format.h>

#include <array>

#include "weir/base/units.h"

namespace weir::service {
namespace {

std::string decimal_text(std::uint64_t millionths) {
  std::string text = fmt::format("{}.{:06}", millionths / 1'000'000, millionths % 1'000'000);
  text.resize(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string bytes_text(std::uint64_t count) {
  struct Unit {
    std::string_view name;
    std::uint64_t size;
  };
  static constexpr std::array kUnits{Unit{"TiB", 1ull << 40}, Unit{"GiB", 1 << 30}, Unit{"MiB", 1 << 20},
                                     Unit{"KiB", 1 << 10}};
  for (const Unit& unit : kUnits) {
    if (count >= unit.size && count % unit.size == 0)
      return fmt::format("{}{}", count / unit.size, unit.name);
  }
  return fmt::format("{}", count);
}

}  // namespace

const KeySpec* Schema::find(std::string_view path) const {
  for (const KeySpec& key : keys_) {
    if (key.path == path) return &key;
  }
  return nullptr;
}

std::vector<std::string_view> Schema::below(std::string_view path) const {
  std::vector<std::string_view> names;
  for (const KeySpec& key : keys_) {
    const std::size_t dot = key.path.rfind('.');
    const bool top = dot == std::string_view::npos;
    if ((top ? std::string_view() : key.path.substr(0, dot)) != path) continue;
    names.push_back(top ? key.path : key.path.substr(dot + 1));
  }
  return names;
}

std::string value_text(KeyKind kind, std::uint64_t value) {
  if (kind == KeyKind::duration) return to_string(Duration(static_cast<Duration::rep>(value)));
  if (kind == KeyKind::bytes) return bytes_text(value);
  if (kind == KeyKind::rate) return bytes_text(value) + "/s";
  if (kind == KeyKind::decimal) return decimal_text(value);
  return fmt::format("{}", value);
}

std::string range_text(const KeySpec& key) {
  return fmt::format("from {} to {}", value_text(key.kind, key.min), value_text(key.kind, key.max));
}

}  // namespace weir::service

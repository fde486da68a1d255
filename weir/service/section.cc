#include "weir/service/section.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "weir/base/check.h"
#include "weir/service/suggest.h"
#include "weir/service/text.h"
#include "weir/service/values.h"

namespace weir::service {
namespace {

std::string join(std::string_view path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

std::string_view kind_of(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::list: return "a list";
    case YamlNode::Kind::map: return "a map";
    case YamlNode::Kind::scalar: return "a single value";
    default: return "nothing";
  }
}

std::string_view kind_of(KeyKind kind) {
  switch (kind) {
    case KeyKind::section:
    case KeyKind::names: return "a map";
    case KeyKind::list: return "a list";
    case KeyKind::number: return "a number";
    case KeyKind::duration: return "a duration";
    case KeyKind::bytes: return "a number of bytes";
    case KeyKind::rate: return "bytes a second";
    case KeyKind::decimal: return "a number";
    case KeyKind::text: return "text";
    case KeyKind::texts: return "a list";
  }
  return "";
}

Fault wrong_kind(const KeySpec& spec, std::string_view name, std::string_view key, const YamlNode& node) {
  std::string hint = fmt::format("for example {}: {}", key, spec.example);
  if (node.kind == YamlNode::Kind::null) return {fmt::format("{} has no value", name), std::move(hint)};
  return {fmt::format("{} must be {}, is {}", name, kind_of(spec.kind), kind_of(node)), std::move(hint)};
}

// The first pair with this key.
std::optional<std::size_t> find_pair(const YamlNode& map, std::string_view key) {
  for (std::size_t i = 0; i < map.pairs(); ++i) {
    if (map.key(i).kind == YamlNode::Kind::scalar && map.key(i).text == key) return i;
  }
  return std::nullopt;
}

// A name of the user's choice as part of a path: quoted where it is not a word.
std::string shown(std::string_view name) {
  const bool word = !name.empty() && name.size() <= 63 && std::ranges::all_of(name, [](unsigned char c) {
    return c > ' ' && c < 0x7F && c != '"' && c != '.';
  });
  return word ? std::string(name) : in_quotes(name);
}

std::string in_section(std::string_view name) {
  return name.empty() ? "at the top level" : fmt::format("in {}", name);
}

}  // namespace

Section::Section(Schema schema, const YamlNode& node, std::string path, std::string name, Place place,
                 Diagnostics& findings, bool whole)
    : schema_(schema),
      node_(&node),
      path_(std::move(path)),
      name_(std::move(name)),
      place_(place),
      findings_(&findings) {
  std::map<std::string_view, Place> seen;
  const bool any_name = schema_.find(join(path_, "*")) != nullptr;
  for (std::size_t i = 0; i < node.pairs(); ++i) {
    const YamlNode& key = node.key(i);
    if (key.kind == YamlNode::Kind::broken) continue;
    if (key.kind != YamlNode::Kind::scalar) {
      findings.error(key.place,
                     {fmt::format("a key {} must be a word, is {}", in_section(name_), kind_of(key))});
      continue;
    }
    const auto [first, is_new] = seen.emplace(key.text, key.place);
    if (!is_new) {
      findings.error(key.place,
                     {fmt::format("key {} is given twice {}", in_quotes(key.text), in_section(name_)),
                      fmt::format("the first is at {}: keep one of them", findings.at(first->second))});
    } else if (!any_name) {
      refuse_unknown(key);
    }
  }
  if (whole) refuse_missing();
}

void Section::refuse_unknown(const YamlNode& key) const {
  if (schema_.find(join(path_, key.text)) != nullptr && key.text.find('.') == std::string::npos) return;
  const std::vector<std::string_view> known = schema_.below(path_);
  const std::string_view meant = nearest(key.text, known);
  findings_->error(key.place, {fmt::format("unknown key {} {}", in_quotes(key.text), in_section(name_)),
                               meant.empty() ? fmt::format("known here: {}", fmt::join(known, ", "))
                                             : fmt::format("did you mean \"{}\"?", meant)});
}

void Section::refuse_missing() const {
  for (const std::string_view key : schema_.below(path_)) {
    const KeySpec& known = spec(key);
    if (!known.required || find_pair(*node_, key)) continue;
    findings_->error(place_, {fmt::format("missing key \"{}\" {}", key, in_section(name_)),
                              fmt::format("for example {}: {}", key, known.example)});
  }
}

const KeySpec& Section::spec(std::string_view key) const {
  const KeySpec* found = schema_.find(join(path_, key));
  WEIR_CHECK(found != nullptr, "the reader asks for a key that its schema does not have");
  return *found;
}

std::string Section::name_of(std::string_view key) const { return join(name_, key); }

Place Section::key_place(std::string_view key) const {
  const auto pair = find_pair(*node_, key);
  return pair ? node_->key(*pair).place : Place{};
}

const YamlNode* Section::find(std::string_view key) const {
  const auto pair = find_pair(*node_, key);
  if (!pair || node_->value(*pair).kind == YamlNode::Kind::broken) return nullptr;
  return &node_->value(*pair);
}

const YamlNode* Section::scalar(const KeySpec& known, std::string_view key) const {
  const YamlNode* value = find(key);
  if (value == nullptr || value->kind == YamlNode::Kind::scalar) return value;
  findings_->error(value->place, wrong_kind(known, name_of(key), key, *value));
  return nullptr;
}

std::optional<std::uint64_t> Section::read_value(std::string_view key, Given& given) const {
  const KeySpec& known = spec(key);
  given.known = !find_pair(*node_, key);
  const YamlNode* node = scalar(known, key);
  if (node == nullptr) return std::nullopt;
  auto value = parse_value(known, name_of(key), node->text);
  if (!value) {
    findings_->error(node->place, std::move(value.error()));
    return std::nullopt;
  }
  given = {node->place, true};
  return *value;
}

Given Section::read(std::string_view key, std::uint32_t& out) const {
  Given given;
  if (const auto value = read_value(key, given)) out = static_cast<std::uint32_t>(*value);
  return given;
}

Given Section::read(std::string_view key, std::uint64_t& out) const {
  Given given;
  if (const auto value = read_value(key, given)) out = *value;
  return given;
}

Given Section::read(std::string_view key, double& out) const {
  Given given;
  if (const auto value = read_value(key, given)) out = static_cast<double>(*value) / 1e6;
  return given;
}

Given Section::read(std::string_view key, Duration& out) const {
  Given given;
  if (const auto value = read_value(key, given)) out = Duration(static_cast<Duration::rep>(*value));
  return given;
}

Given Section::read(std::string_view key, Bytes& out) const {
  Given given;
  if (const auto value = read_value(key, given)) out = Bytes{*value};
  return given;
}

Given Section::read(std::string_view key, std::string& out) const {
  const KeySpec& known = spec(key);
  const Given wrong{.place = {}, .known = !find_pair(*node_, key)};
  const YamlNode* node = scalar(known, key);
  if (node == nullptr) return wrong;
  if (!check_text(known, name_of(key), *node)) return wrong;
  out = node->text;
  return {node->place, true};
}

bool Section::check_text(const KeySpec& known, const std::string& name, const YamlNode& node) const {
  const std::size_t size = node.text.size();
  if (size >= known.min && size <= known.max) return true;
  if (size < known.min) {
    findings_->error(node.place,
                     {fmt::format("{} is empty", name), fmt::format("for example {}", known.example)});
  } else {
    findings_->error(node.place,
                     {fmt::format("{} is {} bytes long", name, size), fmt::format("at most {}", known.max)});
  }
  return false;
}

std::vector<NamedText> Section::texts(std::string_view key) const {
  std::vector<NamedText> found;
  const YamlNode* node = find(key);
  if (node == nullptr) return found;
  if (node->kind != YamlNode::Kind::map) {
    findings_->error(node->place, wrong_kind(spec(key), name_of(key), key, *node));
    return found;
  }
  if (!check_count(spec(key), key, *node, node->pairs())) return found;
  // As a section of its own it reports names that are given twice or are no words.
  const Section inside(schema_, *node, join(path_, key), name_of(key), node->place, *findings_);
  const KeySpec& known = inside.spec("*");
  for (std::size_t i = 0; i < node->pairs(); ++i) {
    const std::string& name = node->key(i).text;
    if (find_pair(*node, name) != i) continue;
    const YamlNode& value = node->value(i);
    const std::string shown_name = join(inside.name(), shown(name));
    if (value.kind == YamlNode::Kind::broken) continue;
    if (value.kind != YamlNode::Kind::scalar) {
      findings_->error(value.place, wrong_kind(known, shown_name, name, value));
    } else if (check_text(known, shown_name, value)) {
      found.push_back({name, value.text, node->key(i).place});
    }
  }
  return found;
}

std::optional<Section> Section::as_section(const YamlNode& node, Place place, std::string path,
                                           std::string name) const {
  if (node.kind == YamlNode::Kind::broken) return std::nullopt;
  if (node.kind == YamlNode::Kind::map || node.kind == YamlNode::Kind::null) {
    return Section(schema_, node, std::move(path), std::move(name), place, *findings_);
  }
  const KeySpec* known = schema_.find(path);
  findings_->error(node.place, {fmt::format("{} must be a map, is {}", name, kind_of(node)),
                                fmt::format("for example {}", known->example)});
  return std::nullopt;
}

std::optional<Section> Section::section(std::string_view key) const {
  const auto pair = find_pair(*node_, key);
  if (!pair) return std::nullopt;
  return as_section(node_->value(*pair), node_->key(*pair).place, join(path_, key), name_of(key));
}

bool Section::check_count(const KeySpec& known, std::string_view key, const YamlNode& node,
                          std::size_t count) const {
  if (count >= known.min && count <= known.max) return true;
  if (count == 0) {
    findings_->error(node.place,
                     {fmt::format("{} is empty", name_of(key)),
                      fmt::format("declare at least one, for example {}: {}", key, known.example)});
  } else {
    findings_->error(node.place, {fmt::format("{} has {} entries", name_of(key), count),
                                  fmt::format("at most {}", known.max)});
  }
  return false;
}

std::vector<Section::Item> Section::items(std::string_view key) const {
  std::vector<Item> found;
  const KeySpec& known = spec(key);
  const YamlNode* node = find(key);
  if (node == nullptr) return found;
  if (node->kind != YamlNode::Kind::list) {
    findings_->error(node->place, wrong_kind(known, name_of(key), key, *node));
    return found;
  }
  if (!check_count(known, key, *node, node->children.size())) return found;
  for (const YamlNode& entry : node->children) {
    if (entry.kind == YamlNode::Kind::scalar) {
      found.push_back({entry.text, entry.place});
    } else if (entry.kind != YamlNode::Kind::broken) {
      findings_->error(entry.place,
                       {fmt::format("an entry of {} must be text, is {}", name_of(key), kind_of(entry)),
                        fmt::format("for example {}: {}", key, known.example)});
    }
  }
  return found;
}

std::vector<NamedSection> Section::sections(std::string_view key) const {
  std::vector<NamedSection> found;
  const KeySpec& known = spec(key);
  const YamlNode* node = find(key);
  if (node == nullptr) return found;
  const bool named = known.kind == KeyKind::names;
  if (node->kind != (named ? YamlNode::Kind::map : YamlNode::Kind::list)) {
    findings_->error(node->place, wrong_kind(known, name_of(key), key, *node));
    return found;
  }
  const std::size_t count = named ? node->pairs() : node->children.size();
  if (!check_count(known, key, *node, count)) return found;
  const std::string path = join(path_, key);
  // As a section of its own it reports names that are given twice or are no words.
  if (named) Section(schema_, *node, path, name_of(key), node->place, *findings_);
  for (std::size_t i = 0; i < count; ++i) {
    if (named && find_pair(*node, node->key(i).text) != i) continue;
    const YamlNode& entry = named ? node->value(i) : node->children[i];
    const std::string name = named ? node->key(i).text : std::string();
    const Place place = named ? node->key(i).place : entry.place;
    auto section =
        as_section(entry, place, join(path, "*"),
                   named ? join(name_of(key), shown(name)) : fmt::format("{}[{}]", name_of(key), i));
    if (section) found.push_back({name, std::move(*section)});
  }
  return found;
}

}  // namespace weir::service

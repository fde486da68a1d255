#include "weir/service/yaml_overlay.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/service/text.h"

namespace weir::service {
namespace {

using Kind = YamlNode::Kind;

std::string join(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

// Merges one map into another. Each of the lower's keys is looked up in an index, so
// that files of many keys take no longer than they are long.
class Merge {
 public:
  Merge(YamlNode& lower, const std::string& path, Diagnostics& findings)
      : lower_(lower), path_(path), findings_(findings) {
    for (std::size_t i = 0; i < lower.pairs(); ++i) {
      if (lower.key(i).kind == Kind::scalar) pairs_.emplace(lower.key(i).text, i);
    }
  }

  void run(YamlNode upper) {
    for (std::size_t i = 0; i < upper.pairs(); ++i) {
      put(std::move(upper.children[2 * i]), std::move(upper.children[2 * i + 1]));
    }
    sweep();
  }

 private:
  void put(YamlNode key, YamlNode value);
  void merge_into(YamlNode& map, YamlNode upper, std::string_view key) {
    Merge(map, join(path_, key), findings_).run(std::move(upper));
  }
  void sweep();

  YamlNode& lower_;
  const std::string path_;
  Diagnostics& findings_;
  std::map<std::string, std::size_t> pairs_;  // of lower_, the first of each key
  std::map<std::string, Place> seen_;         // keys of the upper file
  std::vector<std::string> removed_;
};

void Merge::put(YamlNode key, YamlNode value) {
  if (key.kind != Kind::scalar) {  // for the reader to refuse
    lower_.children.push_back(std::move(key));
    lower_.children.push_back(std::move(value));
    return;
  }
  const auto [first, is_new] = seen_.emplace(key.text, key.place);
  if (!is_new) {
    findings_.error(key.place,
                    {fmt::format("key {} is given twice", in_quotes(key.text)),
                     fmt::format("the first is at {}: keep one of them", findings_.at(first->second))});
    return;
  }
  const auto there = pairs_.find(key.text);
  if (value.kind == Kind::null) {
    if (there != pairs_.end()) {
      removed_.push_back(key.text);
    } else {
      findings_.warn(key.place, {fmt::format("{} has no value, which takes it away, and it is not there",
                                             in_quotes(join(path_, key.text))),
                                 "give it a value, or leave it out"});
    }
    return;
  }
  if (there == pairs_.end()) {
    lower_.children.push_back(std::move(key));
    lower_.children.emplace_back();
  } else if (lower_.value(there->second).kind != Kind::map || value.kind != Kind::map) {
    lower_.children[2 * there->second] = std::move(key);
  }
  YamlNode& place = there == pairs_.end() ? lower_.children.back() : lower_.children[2 * there->second + 1];
  const std::string& name = first->first;
  if (value.kind != Kind::map) {
    place = std::move(value);
    return;
  }
  if (place.kind != Kind::map) {
    place = YamlNode{};
    place.kind = Kind::map;
    place.place = value.place;
  }
  merge_into(place, std::move(value), name);
}

// Keys that were taken away go, all that have the name.
void Merge::sweep() {
  if (removed_.empty()) return;
  std::vector<YamlNode> kept;
  for (std::size_t i = 0; i < lower_.pairs(); ++i) {
    YamlNode& key = lower_.children[2 * i];
    if (key.kind == Kind::scalar && std::ranges::find(removed_, key.text) != removed_.end()) continue;
    kept.push_back(std::move(key));
    kept.push_back(std::move(lower_.children[2 * i + 1]));
  }
  lower_.children = std::move(kept);
}

// What would be read as something else, or not at all, without its quotes.
bool needs_quotes(std::string_view text) {
  static constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:-";
  return text.empty() || text.front() == '-' || text.front() == ':' || text.back() == ':' || text == "null" ||
         text == "Null" || text == "NULL" || text.find_first_not_of(kPlain) != std::string_view::npos;
}

std::string written(std::string_view text) {
  if (!needs_quotes(text)) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      out += c;
    }
  }
  return out + '"';
}

class Printer {
 public:
  explicit Printer(const Diagnostics& files) : files_(files) {}

  // `lead` stands before the value on its first line.
  void print(const YamlNode& node, const std::string& lead, std::size_t depth) {
    if (node.kind == Kind::map && node.pairs() > 0) {
      if (!lead.empty()) line(lead, {});
      print_map(node, std::string(2 * depth, ' '), depth);
    } else if (node.kind == Kind::list && !node.children.empty()) {
      line(lead, {});
      for (const YamlNode& entry : node.children) print_entry(entry, depth);
    } else {
      line(lead + ' ' + scalar(node), node.place);
    }
  }

  std::string take() {
    std::size_t width = 0;
    for (const auto& [text, comment] : lines_) width = std::max(width, std::min(text.size(), kWidthMax));
    std::string out;
    for (const auto& [text, comment] : lines_) {
      out += comment.empty() ? text + '\n' : fmt::format("{:{}}  # {}\n", text, width, comment);
    }
    return out;
  }

 private:
  static constexpr std::size_t kWidthMax = 60;

  // The first key stands behind `first_lead`, the others are indented as deep.
  void print_map(const YamlNode& map, std::string first_lead, std::size_t depth) {
    for (std::size_t i = 0; i < map.pairs(); ++i) {
      print(map.value(i), first_lead + written(map.key(i).text) + ':', depth + 1);
      first_lead = std::string(2 * depth, ' ');
    }
  }
  void print_entry(const YamlNode& entry, std::size_t depth) {
    const std::string lead = std::string(2 * depth, ' ') + '-';
    if (entry.kind == Kind::map && entry.pairs() > 0) {
      print_map(entry, lead + ' ', depth + 1);
    } else {
      print(entry, lead, depth + 1);
    }
  }
  static std::string scalar(const YamlNode& node) {
    if (node.kind == Kind::map) return "{}";
    if (node.kind == Kind::list) return "[]";
    return node.kind == Kind::scalar ? written(node.text) : "null";
  }
  void line(std::string text, Place place) {
    std::string comment;
    if (place) comment = fmt::format("{}:{}:{}", files_.file(place), place.line, place.column);
    lines_.emplace_back(std::move(text), std::move(comment));
  }

  const Diagnostics& files_;
  std::vector<std::pair<std::string, std::string>> lines_;
};

}  // namespace

void set_file(YamlNode& node, std::uint32_t file) {
  node.place.file = file;
  for (YamlNode& child : node.children) set_file(child, file);
}

void put_over(YamlTree& lower, YamlTree upper, Diagnostics& findings) {
  lower.whole = lower.whole && upper.whole;
  if (upper.root.kind == Kind::null && upper.whole) {
    findings.warn(upper.root.place, {"the file is empty: it changes nothing"});
  } else if (upper.root.kind != Kind::map && upper.root.kind != Kind::broken && upper.whole) {
    findings.error(upper.root.place, {"the file is no map of keys", "write the keys that it changes"});
  }
  if (lower.root.kind != Kind::map || upper.root.kind != Kind::map) return;
  Merge(lower.root, "", findings).run(std::move(upper.root));
}

std::string print_yaml(const YamlNode& root, const Diagnostics& files) {
  Printer printer(files);
  printer.print(root, "", 0);
  return printer.take();
}

}  // namespace weir::service

// The table of keys against what reads it, and docs/bounds-yaml.md against both.
#include "weir/service/internal/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "weir/service/config.h"

namespace weir::service::internal {
namespace {

using testing::ElementsAreArray;
using testing::IsEmpty;

// A file as flat paths; those of a list have its number, "routes.0.match".
using Flat = std::map<std::string, std::string>;

// A right file in which every section has what it needs. The bound is as large as
// may be, so that others can be as large as they may be.
Flat full() {
  return {{"service", "s"},
          {"bounds.inflight.limit", "1000000"},
          {"bounds.inflight.queue.depth", "1"},
          {"bounds.inflight.because", "b"},
          {"bounds.tenant.key", "'header:X'"},
          {"bounds.tenant.inflight", "1"},
          {"bounds.tenant.because", "b"},
          {"upstreams.u.url", "'http://a'"},
          {"upstreams.u.inflight", "50"},
          {"upstreams.u.because", "b"},
          {"routes.0.match", "/"},
          {"routes.0.upstream", "u"}};
}

// As YAML in flow style, on one line.
std::string yaml(const Flat& flat, const std::string& prefix = "") {
  std::vector<std::string> done;
  std::string out;
  for (const auto& [path, value] : flat) {
    if (!path.starts_with(prefix)) continue;
    const std::string rest = path.substr(prefix.size());
    const std::string key = rest.substr(0, rest.find('.'));
    if (std::ranges::find(done, key) != done.end()) continue;
    done.push_back(key);
    out += out.empty() ? "" : ", ";
    if (key != "0") out += key + ": ";
    out += key == rest ? value : yaml(flat, prefix + key + ".");
  }
  return flat.contains(prefix + "0") || prefix == "routes." ? "[" + out + "]" : "{" + out + "}";
}

// With `value` for the key of keys.h at `path`, in place of what is there.
std::string yaml_with(std::string path, const std::string& value) {
  const auto name_for = [&path](std::string_view list, std::string_view name) {
    if (path.starts_with(list) && path.size() > list.size()) path.replace(list.size() + 1, 1, name);
  };
  name_for("upstreams", "u");
  name_for("routes", "0");
  Flat flat = full();
  std::erase_if(flat, [&path](const auto& entry) { return entry.first.starts_with(path + "."); });
  flat[path] = value;
  return yaml(flat);
}

std::vector<std::string> errors_of(const std::string& text) {
  std::vector<std::string> errors;
  const Parsed parsed = parse_config("f", text);
  if (parsed) return errors;
  for (const Diagnostic& item : parsed.error().items()) {
    if (item.severity == Severity::error) errors.push_back(item.fault.text());
  }
  return errors;
}

TEST(Keys, AreUniqueAndBelowKeysThatAreMaps) {
  for (const KeySpec& key : config_keys()) {
    EXPECT_EQ(std::ranges::count(config_keys(), key.path, &KeySpec::path), 1) << key.path;
    EXPECT_EQ(find_key(key.path), &key);
    const std::size_t dot = key.path.rfind('.');
    if (dot == std::string_view::npos) continue;
    const KeySpec* above = find_key(key.path.substr(0, dot));
    ASSERT_NE(above, nullptr) << key.path;
    EXPECT_LT(above->kind, KeyKind::number) << key.path;
  }
  EXPECT_EQ(find_key("bounds.inflight.limt"), nullptr);
  EXPECT_THAT(keys_below("bounds"), ElementsAreArray({"inflight", "tenant"}));
}

TEST(Keys, AreAllRead) {
  ASSERT_THAT(errors_of(yaml(full())), IsEmpty()) << yaml(full());
  for (const KeySpec& key : config_keys()) {
    const std::string text = yaml_with(std::string(key.path), key.kind == KeyKind::list ? "{}" : "[[]]");
    EXPECT_FALSE(errors_of(text).empty()) << "nobody reads " << key.path << "\n" << text;
  }
}

TEST(Keys, HaveExamplesThatAreRight) {
  for (const KeySpec& key : config_keys()) {
    if (key.kind < KeyKind::number || key.path == "routes.*.upstream") continue;
    const std::string text = yaml_with(std::string(key.path), std::string(key.example));
    EXPECT_THAT(errors_of(text), IsEmpty()) << text;
  }
}

TEST(Keys, TakeBothEndsOfTheirRangeAndNothingBeyond) {
  for (const KeySpec& key : config_keys()) {
    if (key.kind != KeyKind::number && key.kind != KeyKind::duration && key.kind != KeyKind::bytes) continue;
    const auto with = [&key](std::uint64_t value) {
      return errors_of(yaml_with(std::string(key.path), value_text(key.kind, value)));
    };
    EXPECT_THAT(with(key.min), IsEmpty()) << key.path;
    EXPECT_THAT(with(key.max), IsEmpty()) << key.path;
    EXPECT_EQ(with(key.max + 1).size(), 1u) << key.path;
    if (key.min > 0) EXPECT_EQ(with(key.min - 1).size(), 1u) << key.path;
  }
}

TEST(ValueText, ReadsBackTheSame) {
  EXPECT_EQ(value_text(KeyKind::number, 12), "12");
  EXPECT_EQ(value_text(KeyKind::duration, 1'500'000'000), "1s500ms");
  EXPECT_EQ(value_text(KeyKind::bytes, 0), "0");
  EXPECT_EQ(value_text(KeyKind::bytes, 1000), "1000");
  EXPECT_EQ(value_text(KeyKind::bytes, 3 << 20), "3MiB");
  EXPECT_EQ(value_text(KeyKind::bytes, 1ull << 40), "1TiB");
}

// A row of the tables in docs/bounds-yaml.md.
struct Row {
  std::string kind, fallback, range, meaning;
};

std::string document() {
  std::ifstream file("docs/bounds-yaml.md");
  return {std::istreambuf_iterator<char>(file), {}};
}

std::map<std::string, Row> documented() {
  std::map<std::string, Row> rows;
  std::istringstream lines(document());
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `")) continue;
    std::vector<std::string> cells;
    std::istringstream parts(line.substr(1));
    for (std::string cell; std::getline(parts, cell, '|');) {
      const std::size_t first = cell.find_first_not_of(' ');
      cells.push_back(
          first == std::string::npos ? "" : cell.substr(first, cell.find_last_not_of(' ') - first + 1));
    }
    if (cells.size() == 5)
      rows[cells[0].substr(1, cells[0].size() - 2)] = {cells[1], cells[2], cells[3], cells[4]};
  }
  return rows;
}

std::string kind_words(KeyKind kind) {
  switch (kind) {
    case KeyKind::section: return "map";
    case KeyKind::names: return "map of names";
    case KeyKind::list: return "list";
    case KeyKind::number: return "number";
    case KeyKind::duration: return "duration";
    case KeyKind::bytes: return "bytes";
    case KeyKind::text: return "text";
  }
  return "";
}

std::string range_words(const KeySpec& key) {
  if (key.kind == KeyKind::section) return "";
  std::string words = value_text(key.kind, key.min) + " to " + value_text(key.kind, key.max);
  if (key.kind == KeyKind::text) words += " bytes";
  if (key.kind == KeyKind::names || key.kind == KeyKind::list) words += " entries";
  return words;
}

TEST(BoundsYamlDocument, HasEveryKeyAndNoOther) {
  const auto rows = documented();
  std::vector<std::string> in_document, known;
  for (const auto& [path, row] : rows) in_document.push_back(path);
  for (const KeySpec& key : config_keys()) known.emplace_back(key.path);
  EXPECT_THAT(in_document, testing::UnorderedElementsAreArray(known));
}

TEST(BoundsYamlDocument, SaysKindRangeAndNeedAsTheyAre) {
  const auto rows = documented();
  for (const KeySpec& key : config_keys()) {
    const auto row = rows.find(std::string(key.path));
    if (row == rows.end()) continue;  // the test above says so
    EXPECT_EQ(row->second.kind, kind_words(key.kind)) << key.path;
    EXPECT_EQ(row->second.range, range_words(key)) << key.path;
    EXPECT_EQ(row->second.fallback == "required", key.required) << key.path;
  }
}

TEST(BoundsYamlDocument, SaysTheDefaultsAsTheyAre) {
  std::size_t compared = 0;
  for (const auto& [path, row] : documented()) {
    if (!row.fallback.starts_with('`')) continue;
    const std::string value = row.fallback.substr(1, row.fallback.size() - 2);
    const Parsed said = parse_config("f", yaml_with(path, "'" + value + "'"));
    const Parsed left_out = parse_config("f", yaml(full()));
    ASSERT_TRUE(said && left_out) << path;
    // A section that is only there for this key is a default as well.
    EXPECT_EQ(said->config, left_out->config) << path << " is not " << value << " by default";
    ++compared;
  }
  EXPECT_GE(compared, 15u);
}

TEST(BoundsYamlDocument, SaysWhatZeroMeansWhereItMayBe) {
  const auto rows = documented();
  for (const KeySpec& key : config_keys()) {
    const bool quantity =
        key.kind == KeyKind::number || key.kind == KeyKind::duration || key.kind == KeyKind::bytes;
    if (!quantity || key.min > 0 || !rows.contains(std::string(key.path))) continue;
    EXPECT_THAT(rows.at(std::string(key.path)).meaning, testing::HasSubstr("0: ")) << key.path;
  }
}

TEST(BoundsYamlDocument, HasAnExampleThatPasses) {
  const std::string text = document();
  std::size_t examples = 0;
  for (std::size_t at = text.find("```yaml\n"); at != std::string::npos; at = text.find("```yaml\n", at)) {
    at += 8;
    const std::size_t end = text.find("```", at);
    const Parsed parsed = parse_config("example", text.substr(at, end - at));
    ASSERT_TRUE(parsed) << parsed.error().text(Colour::no);
    EXPECT_EQ(parsed->warnings.text(Colour::no), "");
    at = end + 3;
    ++examples;
  }
  EXPECT_EQ(examples, 1u);
}

}  // namespace
}  // namespace weir::service::internal

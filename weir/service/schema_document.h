// For tests: a schema against the document that describes its keys in tables, a row
// each:
//
//   | `bounds.inflight.limit` | number | required | 1 to 1000000 | Requests in flight ... |
//
//   EXPECT_THAT(document_differences(read_document("docs/bounds-yaml.md"), schema), IsEmpty());
#pragma once

#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "weir/service/schema.h"

namespace weir::service {

struct DocumentRow {
  std::string kind, fallback, range, meaning;
};

inline std::string read_document(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// By the key's path. Tables of other things have other numbers of columns.
inline std::map<std::string, DocumentRow> document_rows(const std::string& document) {
  std::map<std::string, DocumentRow> rows;
  std::istringstream lines(document);
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

// What is between "```yaml" and "```".
inline std::vector<std::string> document_examples(const std::string& document) {
  static constexpr std::string_view kBegin = "```yaml\n";
  std::vector<std::string> examples;
  for (std::size_t at = document.find(kBegin); at != std::string::npos; at = document.find(kBegin, at)) {
    at += kBegin.size();
    examples.push_back(document.substr(at, document.find("```", at) - at));
  }
  return examples;
}

inline std::string document_kind(KeyKind kind) {
  switch (kind) {
    case KeyKind::section: return "map";
    case KeyKind::names: return "map of names";
    case KeyKind::list: return "list";
    case KeyKind::number: return "number";
    case KeyKind::duration: return "duration";
    case KeyKind::bytes: return "bytes";
    case KeyKind::rate: return "rate";
    case KeyKind::decimal: return "decimal";
    case KeyKind::text: return "text";
    case KeyKind::texts: return "list of texts";
  }
  return "";
}

inline std::string document_range(const KeySpec& key) {
  if (key.kind == KeyKind::section) return "";
  std::string words = value_text(key.kind, key.min) + " to " + value_text(key.kind, key.max);
  if (key.kind == KeyKind::text) words += " bytes";
  if (key.kind == KeyKind::names || key.kind == KeyKind::list || key.kind == KeyKind::texts)
    words += " entries";
  return words;
}

// Each key has a row and each row a key; kind, range and need are as they are; where
// a quantity may be 0 the row says what that means.
inline std::vector<std::string> document_differences(const std::string& document, Schema schema) {
  std::vector<std::string> found;
  std::map<std::string, DocumentRow> rows = document_rows(document);
  for (const KeySpec& key : schema.keys()) {
    const std::string path(key.path);
    const auto row = rows.find(path);
    if (row == rows.end()) {
      found.push_back(path + " has no row");
      continue;
    }
    const auto expect = [&](bool right, const std::string& what) {
      if (!right) found.push_back(path + " " + what);
    };
    const bool quantity =
        key.kind == KeyKind::number || key.kind == KeyKind::duration || key.kind == KeyKind::bytes;
    expect(row->second.kind == document_kind(key.kind), "is of kind " + document_kind(key.kind));
    expect(row->second.range == document_range(key), "ranges from " + document_range(key));
    expect((row->second.fallback == "required") == key.required, "is said to be needed, or not to be");
    expect(!quantity || key.min > 0 || row->second.meaning.find("0: ") != std::string::npos,
           "does not say what 0 means");
    rows.erase(row);
  }
  for (const auto& [path, row] : rows) found.push_back("there is no key " + path);
  return found;
}

}  // namespace weir::service

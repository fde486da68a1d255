// What is wrong with a file, with places: collected while it is read, and shown
// all at once, the way a compiler does.
//
//   Diagnostics findings("bounds.yaml", text);
//   findings.error({6, 15}, {"unknown key \"limt\" in bounds.inflight", "did you mean \"limit\"?"});
//   std::fputs(findings.text(Colour::no).c_str(), stdout);
//
//   bounds.yaml:6:15: error: unknown key "limt" in bounds.inflight; did you mean "limit"?
//       6 |   inflight: { limt: 200 }
//         |               ^
//
// A plain value that owns its text; not for use from two threads at once.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace weir::service {

// Line and column count from 1; columns count bytes. Line 0 is the file as a whole.
struct Place {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::uint32_t file = 0;  // which of those that were put on one another; 0: the first

  explicit operator bool() const { return line != 0; }
  bool operator==(const Place&) const = default;
  // The files in their order, and each from its top to its end.
  friend auto operator<=>(const Place& a, const Place& b) {
    return std::tie(a.file, a.line, a.column) <=> std::tie(b.file, b.line, b.column);
  }
};

// What is wrong, and what would be right. For people.
struct Fault {
  std::string message;
  std::string hint = {};

  // "message; hint"
  std::string text() const { return hint.empty() ? message : message + "; " + hint; }
};

enum class Severity : std::uint8_t {
  error,    // the file is refused
  warning,  // the file works and is perhaps not what was meant
};

std::string_view to_string(Severity severity);

struct Diagnostic {
  Place place;
  Severity severity = Severity::error;
  Fault fault;
};

enum class Colour : bool { no, yes };

class Diagnostics {
 public:
  // Beyond this many, findings are counted and not kept: a file of a megabyte can
  // hold a hundred thousand mistakes, and nobody reads them.
  static constexpr std::size_t kKeptMax = 1000;

  Diagnostics() = default;
  // `file` as it is shown; `source` is its text, for the lines shown with findings.
  Diagnostics(std::string file, std::string source) {
    sources_.push_back({std::move(file), std::move(source)});
  }

  // One more file, and what was found in it alone. Its number, for the places in it.
  std::uint32_t add_file(Diagnostics&& found);

  void error(Place place, Fault fault);
  void warn(Place place, Fault fault);

  // Puts them in the order of their places; in one place errors come first.
  void sort();

  // The name of the file that `place` is in.
  const std::string& file(Place place = {}) const;
  std::size_t files() const { return sources_.size(); }
  // "line:column", and before it the file's name where there is more than one.
  std::string at(Place place) const;
  std::span<const Diagnostic> items() const { return items_; }
  std::size_t errors() const { return errors_; }      // those not kept included
  std::size_t warnings() const { return warnings_; }  // those not kept included

  // "file:line:column: error: message; hint", each with its source line and a
  // caret; a last line where some were not kept. Ends in a line break unless empty.
  // Of findings in no order (sort() was not called) some lack their source line.
  std::string text(Colour colour) const;
  // The first line of that for one of them, without colour or line break.
  std::string line(const Diagnostic& item) const;

 private:
  void add(Diagnostic item);

  struct Source {
    std::string file, text;
  };

  std::vector<Source> sources_;
  std::vector<Diagnostic> items_;
  std::size_t errors_ = 0;
  std::size_t warnings_ = 0;
};

// The place of the byte at `offset` in `text`.
Place place_of(std::string_view text, std::size_t offset);

}  // namespace weir::service

#include "weir/service/diagnostics.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

namespace weir::service {
namespace {

// A longer line is not shown: it would be a screen of its own.
constexpr std::size_t kShownBytesMax = 200;

// ANSI colours, as compilers use them.
struct Paint {
  std::string_view bold, error, warning, caret, reset;
};
constexpr Paint kPlain{};
constexpr Paint kColoured{"\x1b[1m", "\x1b[1;31m", "\x1b[1;35m", "\x1b[1;32m", "\x1b[0m"};

// The lines of a text, found by walking forward only: findings come sorted, so
// that showing all of them reads the text once.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  // Without its line break; empty where the text has no such line.
  std::string_view at(std::uint32_t line) {
    while (line_ < line) {
      const std::size_t end = std::min(rest_.find('\n'), rest_.size());
      current_ = rest_.substr(0, end);
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      if (current_.ends_with('\r')) current_.remove_suffix(1);
      ++line_;
    }
    return line_ == line ? current_ : std::string_view();
  }

 private:
  std::string_view rest_;
  std::string_view current_;
  std::uint32_t line_ = 0;
};

// Blanks up to `column`, as wide as what stands above them.
std::string caret_margin(std::string_view line, std::uint32_t column) {
  std::string margin;
  for (const char c : line.substr(0, column - 1)) {
    const bool continuation = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
    if (!continuation) margin += c == '\t' ? '\t' : ' ';
  }
  return margin;
}

std::string place_text(const std::string& file, Place place) {
  if (!place) return fmt::format("{}:", file);
  return fmt::format("{}:{}:{}:", file, place.line, place.column);
}

std::string snippet(std::string_view line, Place place, const Paint& paint) {
  if (!place || line.empty() || line.size() > kShownBytesMax || place.column > line.size() + 1) return "";
  return fmt::format("{:5} | {}\n      | {}{}^{}\n", place.line, line, caret_margin(line, place.column),
                     paint.caret, paint.reset);
}

}  // namespace

std::string_view to_string(Severity severity) { return severity == Severity::error ? "error" : "warning"; }

void Diagnostics::error(Place place, Fault fault) { add({place, Severity::error, std::move(fault)}); }

void Diagnostics::warn(Place place, Fault fault) { add({place, Severity::warning, std::move(fault)}); }

void Diagnostics::add(Diagnostic item) {
  ++(item.severity == Severity::error ? errors_ : warnings_);
  if (items_.size() < kKeptMax) items_.push_back(std::move(item));
}

void Diagnostics::sort() {
  std::ranges::sort(items_, std::less{}, [](const Diagnostic& item) {
    return std::tuple(item.place, item.severity, std::string_view(item.fault.message));
  });
}

std::uint32_t Diagnostics::add_file(Diagnostics&& found) {
  const auto number = static_cast<std::uint32_t>(sources_.size());
  for (Source& source : found.sources_) sources_.push_back(std::move(source));
  for (Diagnostic& item : found.items_) {
    --(item.severity == Severity::error ? found.errors_ : found.warnings_);
    item.place.file += number;
    add(std::move(item));
  }
  errors_ += found.errors_;  // those that it had not kept
  warnings_ += found.warnings_;
  return number;
}

const std::string& Diagnostics::file(Place place) const {
  static const std::string kNone;
  return place.file < sources_.size() ? sources_[place.file].file : kNone;
}

std::string Diagnostics::at(Place place) const {
  const std::string text = fmt::format("{}:{}", place.line, place.column);
  return sources_.size() < 2 ? text : fmt::format("{}:{}", file(place), text);
}

std::string Diagnostics::line(const Diagnostic& item) const {
  return fmt::format("{} {}: {}", place_text(file(item.place), item.place), to_string(item.severity),
                     item.fault.text());
}

std::string Diagnostics::text(Colour colour) const {
  const Paint& paint = colour == Colour::yes ? kColoured : kPlain;
  std::vector<Lines> lines;
  for (const Source& source : sources_) lines.emplace_back(source.text);
  std::string out;
  for (const Diagnostic& item : items_) {
    const bool error = item.severity == Severity::error;
    out += fmt::format("{}{}{} {}{}:{} {}\n", paint.bold, place_text(file(item.place), item.place),
                       paint.reset, error ? paint.error : paint.warning, to_string(item.severity),
                       paint.reset, item.fault.text());
    if (item.place.file >= lines.size()) continue;
    out += snippet(lines[item.place.file].at(item.place.line), item.place, paint);
  }
  const std::size_t more = errors_ + warnings_ - items_.size();
  if (more > 0) out += fmt::format("{}: {} more are not shown\n", file(), more);
  return out;
}

Place place_of(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line_breaks = std::ranges::count(before, '\n');
  const std::size_t line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return {.line = static_cast<std::uint32_t>(line_breaks) + 1,
          .column = static_cast<std::uint32_t>(offset - line_start) + 1};
}

}  // namespace weir::service

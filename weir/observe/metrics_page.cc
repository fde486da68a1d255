#include "weir/observe/metrics_page.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace weir::observe {
namespace {

// What is left of a line. Each take_ is false, or nullopt, where the line is
// something else.
class Line {
 public:
  explicit Line(std::string_view text) : rest_(text) {}

  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }

  std::string_view take_until(std::string_view ends) {
    const std::string_view taken = rest_.substr(0, rest_.find_first_of(ends));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  // Between quotes, where \\, \" and \n stand for what cannot stand there.
  std::optional<std::string> take_quoted() {
    if (!take('"')) return std::nullopt;
    std::string value;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return value;
      if (c != '\\') {
        value += c;
      } else if (take('n')) {
        value += '\n';
      } else if (take('\\')) {
        value += '\\';
      } else if (take('"')) {
        value += '"';
      } else {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  std::optional<double> take_number() {
    std::string_view text = take_until(" \t");
    if (text.starts_with('+')) text.remove_prefix(1);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
  }

 private:
  std::string_view rest_;
};

std::optional<Sample> parse_line(Line line) {
  Sample sample{.name = std::string(line.take_until("{ \t"))};
  if (sample.name.empty()) return std::nullopt;
  line.skip_blanks();
  if (line.take('{')) {
    for (line.skip_blanks(); !line.take('}'); line.skip_blanks()) {
      const std::string_view name = line.take_until("=");
      if (name.empty() || !line.take('=')) return std::nullopt;
      std::optional<std::string> value = line.take_quoted();
      if (!value) return std::nullopt;
      sample.labels.emplace_back(name, std::move(*value));
      line.skip_blanks();
      line.take(',');
    }
  }
  line.skip_blanks();
  const std::optional<double> value = line.take_number();
  if (!value) return std::nullopt;
  sample.value = *value;
  return sample;
}

}  // namespace

std::string_view Sample::label(std::string_view of) const {
  const auto found =
      std::ranges::find(labels, of, [](const auto& each) { return std::string_view(each.first); });
  return found == labels.end() ? std::string_view{} : std::string_view(found->second);
}

std::expected<std::vector<Sample>, std::string> parse_metrics(std::string_view page) {
  std::vector<Sample> samples;
  for (std::size_t number = 1; !page.empty(); ++number) {
    const std::string_view text = page.substr(0, page.find('\n'));
    page.remove_prefix(std::min(text.size() + 1, page.size()));
    if (text.find_first_not_of(" \t\r") == std::string_view::npos || text.starts_with('#')) continue;
    const auto wrong = [&](const char* what) {
      return std::unexpected("line " + std::to_string(number) + " " + what);
    };
    std::optional<Sample> sample = parse_line(Line(text));
    if (!sample) return wrong("is no metric");
    if (samples.size() == kSamplesMax) return wrong("is one more than the 1000000 there may be");
    samples.push_back(std::move(*sample));
  }
  return samples;
}

}  // namespace weir::observe

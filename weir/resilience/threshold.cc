#include "weir/resilience/threshold.h"

#include <charconv>

namespace weir::resilience {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// Digits only, all of them.
std::optional<std::uint64_t> number(std::string_view text, std::uint64_t most) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

}  // namespace

std::optional<Threshold> parse_threshold(std::string_view field) {
  std::string_view rest = trimmed(field);
  std::size_t semicolon = rest.find(';');
  const auto level = number(rest.substr(0, semicolon), kThresholdMax);
  if (!level) return std::nullopt;
  Threshold threshold{.shed_below = static_cast<std::uint32_t>(*level)};
  while (semicolon != std::string_view::npos) {
    rest.remove_prefix(semicolon + 1);
    semicolon = rest.find(';');
    const std::string_view parameter = trimmed(rest.substr(0, semicolon));
    if (parameter.empty()) return std::nullopt;
    constexpr std::string_view kFor = "for=";
    if (!parameter.starts_with(kFor)) continue;
    const auto span =
        number(parameter.substr(kFor.size()), static_cast<std::uint64_t>(kThresholdValidMax / 1ms));
    if (!span) return std::nullopt;
    threshold.valid_for = static_cast<Duration::rep>(*span) * 1ms;
  }
  return threshold;
}

std::string to_field(const Threshold& threshold) {
  std::string field = std::to_string(threshold.shed_below);
  if (const auto span = threshold.valid_for / 1ms; span > 0) field += ";for=" + std::to_string(span);
  return field;
}

}  // namespace weir::resilience

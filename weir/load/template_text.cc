#include "weir/load/template_text.h"

#include <charconv>
#include <utility>

namespace weir::load {
namespace {

constexpr std::string_view kOpen = "{{";
constexpr std::string_view kClose = "}}";
constexpr std::string_view kRandom = "random:";
constexpr std::string_view kTo = "..";

bool parse_number(std::string_view text, std::uint64_t& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::expected<TemplateText, std::string> TemplateText::parse(std::string_view text) {
  TemplateText parsed;
  for (;;) {
    const std::size_t open = text.find(kOpen);
    parsed.text_.append(text.substr(0, open));
    if (open == std::string_view::npos) return parsed;
    text.remove_prefix(open + kOpen.size());
    const std::size_t close = text.find(kClose);
    if (close == std::string_view::npos) return std::unexpected("a {{ is not followed by }}");
    std::expected<Hole, std::string> hole = parse_hole(text.substr(0, close));
    if (!hole) return std::unexpected(hole.error());
    hole->at = parsed.text_.size();
    parsed.holes_.push_back(*hole);
    text.remove_prefix(close + kClose.size());
  }
}

std::expected<TemplateText::Hole, std::string> TemplateText::parse_hole(std::string_view name) {
  if (name == "n") return Hole{};
  Hole hole{.random = true};
  const std::size_t to = name.find(kTo);
  if (name.starts_with(kRandom) && to != std::string_view::npos &&
      parse_number(name.substr(kRandom.size(), to - kRandom.size()), hole.from) &&
      parse_number(name.substr(to + kTo.size()), hole.to) && hole.from <= hole.to) {
    return hole;
  }
  return std::unexpected("{{" + std::string(name) + "}} is neither {{n}} nor {{random:FROM..TO}}");
}

void TemplateText::append(std::uint64_t n, Rng& rng, std::string& out) const {
  std::size_t done = 0;
  for (const Hole& hole : holes_) {
    out.append(text_, done, hole.at - done);
    done = hole.at;
    std::uint64_t number = n;
    if (hole.random) {
      const std::uint64_t many = hole.to - hole.from + 1;  // 0: all there are
      number = many == 0 ? rng.next() : hole.from + rng.next() % many;
    }
    out.append(std::to_string(number));
  }
  out.append(text_, done);
}

std::string TemplateText::fill(std::uint64_t n, Rng& rng) const {
  std::string filled;
  append(n, rng, filled);
  return filled;
}

}  // namespace weir::load

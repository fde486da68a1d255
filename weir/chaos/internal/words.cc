#include "weir/chaos/internal/words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <vector>

#include "weir/service/suggest.h"
#include "weir/service/text.h"

namespace weir::chaos::internal {
namespace {

using service::in_quotes;

std::string hint_for(std::string_view text, std::span<const std::string_view> words) {
  const std::string_view meant = service::nearest(text, words);
  return meant.empty() ? fmt::format("one of {}", fmt::join(words, ", "))
                       : fmt::format("did you mean {}?", meant);
}

std::optional<std::size_t> index_of(std::string_view text, std::span<const std::string_view> words) {
  const auto found = std::ranges::find(words, text);
  if (found == words.end()) return std::nullopt;
  return static_cast<std::size_t>(found - words.begin());
}

template <typename Enum>
std::vector<std::string_view> names_up_to(Enum last) {
  std::vector<std::string_view> names;
  for (int value = 0; value <= static_cast<int>(last); ++value) {
    names.push_back(weir::to_string(static_cast<Enum>(value)));
  }
  return names;
}

}  // namespace

std::optional<std::size_t> read_word(const service::Section& section, std::string_view key,
                                     std::span<const std::string_view> words,
                                     service::Diagnostics& findings) {
  std::string text;
  const service::Given given = section.read(key, text);
  if (!given) return std::nullopt;
  const auto index = index_of(text, words);
  if (!index) {
    findings.error(given.place,
                   {fmt::format("{} is {}", section.name_of(key), in_quotes(text)), hint_for(text, words)});
  }
  return index;
}

std::expected<ErrorFault, service::Fault> parse_error_words(std::string_view text) {
  const std::vector<std::string_view> kinds = names_up_to(ErrorKind::internal);
  const std::vector<std::string_view> reasons = names_up_to(Reason::system);
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::string_view kind_text = text.substr(0, slash);
  const auto kind = index_of(kind_text, kinds);
  if (!kind) {
    const bool reason = index_of(kind_text, reasons).has_value() && kind_text != "none";
    return std::unexpected(service::Fault{
        fmt::format("{} is no kind of error", in_quotes(kind_text)),
        reason ? fmt::format("it is a reason: write the kind before it, as in disconnected/{}", kind_text)
               : hint_for(kind_text, kinds)});
  }
  ErrorFault fault{.kind = static_cast<ErrorKind>(*kind)};
  if (slash == text.size()) return fault;
  const std::string_view reason_text = text.substr(slash + 1);
  const auto reason = index_of(reason_text, reasons);
  if (!reason) {
    return std::unexpected(service::Fault{fmt::format("{} is no reason of an error", in_quotes(reason_text)),
                                          hint_for(reason_text, reasons)});
  }
  fault.reason = static_cast<Reason>(*reason);
  return fault;
}

}  // namespace weir::chaos::internal

#include "weir/http/url_fields.h"

#include <charconv>

#include "weir/http/percent.h"

namespace weir::http {
namespace {

constexpr std::string_view kWhere = "query or form";

}  // namespace

Result<UrlFields> UrlFields::parse(std::string_view text, const Limits& limits) {
  UrlFields fields;
  fields.text_.reserve(text.size());
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    if (pair.empty()) continue;
    if (fields.places_.size() >= limits.fields) return fail(ErrorKind::invalid, Reason::too_large, kWhere);
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::size_t at = fields.text_.size();
    if (!percent_decode(pair.substr(0, equals), fields.text_, Plus::blank)) {
      return fail(ErrorKind::invalid, Reason::malformed, kWhere);
    }
    const std::size_t value_at = fields.text_.size();
    if (equals < pair.size() && !percent_decode(pair.substr(equals + 1), fields.text_, Plus::blank)) {
      return fail(ErrorKind::invalid, Reason::malformed, kWhere);
    }
    fields.places_.push_back({at, value_at - at, fields.text_.size() - value_at});
  }
  return fields;
}

Result<UrlFields> UrlFields::of_query(std::string_view target, const Limits& limits) {
  const std::size_t mark = target.find('?');
  return parse(mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1), limits);
}

UrlFields::Field UrlFields::operator[](std::size_t index) const {
  const Place& place = places_[index];
  const std::string_view text = text_;
  return {text.substr(place.at, place.name_size), text.substr(place.at + place.name_size, place.value_size)};
}

std::optional<std::string_view> UrlFields::get(std::string_view name) const {
  for (std::size_t i = 0; i < size(); ++i) {
    if ((*this)[i].name == name) return (*this)[i].value;
  }
  return std::nullopt;
}

std::vector<std::string_view> UrlFields::get_all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (std::size_t i = 0; i < size(); ++i) {
    if ((*this)[i].name == name) values.push_back((*this)[i].value);
  }
  return values;
}

Result<std::int64_t> UrlFields::integer(std::string_view name, std::int64_t otherwise) const {
  const auto text = get(name);
  if (!text) return otherwise;
  std::int64_t value = 0;
  const char* const end = text->data() + text->size();
  const auto [at, error] = std::from_chars(text->data(), end, value);
  if (error == std::errc::result_out_of_range) return fail(ErrorKind::invalid, Reason::too_large, kWhere);
  if (error != std::errc() || at != end) return fail(ErrorKind::invalid, Reason::malformed, kWhere);
  return value;
}

}  // namespace weir::http

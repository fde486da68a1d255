// The names and values of a query or of a form: "a=1&b=two+words", decoded.
//
//   Result<UrlFields> query = UrlFields::of_query(exchange.request().target);
//   if (!query) co_return std::unexpected(query.error());
//   Result<std::int64_t> page = query->integer("page", 1);
//
// In the order they came, repeated names kept apart; a name without '=' has an
// empty value. A plain value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"

namespace weir::http {

class UrlFields {
 public:
  struct Limits {
    // As many as PHP takes. More is refused, because each costs more than its bytes.
    std::uint32_t fields = 1000;
  };

  struct Field {
    std::string_view name;
    std::string_view value;
  };

  // Errors: invalid (malformed: a '%' without two digits; too_large: too many).
  static Result<UrlFields> parse(std::string_view text, const Limits& limits);
  static Result<UrlFields> parse(std::string_view text) { return parse(text, Limits{}); }
  // Of what follows the first '?' of a target; nothing where there is none.
  static Result<UrlFields> of_query(std::string_view target, const Limits& limits);
  static Result<UrlFields> of_query(std::string_view target) { return of_query(target, Limits{}); }

  // The first of that name; case counts.
  std::optional<std::string_view> get(std::string_view name) const;
  std::vector<std::string_view> get_all(std::string_view name) const;
  // `otherwise` where there is none of that name. Errors: invalid (malformed:
  // not a whole number in digits; too_large: none of 64 bits).
  Result<std::int64_t> integer(std::string_view name, std::int64_t otherwise) const;

  std::size_t size() const { return places_.size(); }
  bool empty() const { return places_.empty(); }
  Field operator[](std::size_t index) const;

 private:
  struct Place {
    std::size_t at, name_size, value_size;
  };

  std::string text_;
  std::vector<Place> places_;
};

}  // namespace weir::http

// Reads the value of a field from its front, as RFC 9110 section 5.6 spells
// values: tokens, quoted strings, lists and parameters.
//
//   for (FieldText text(value); text.next_member();) {
//     const std::string_view type = text.token();
//     while (text.next_parameter(name, value)) ...
//   }
//
// What is not as it should be makes it empty(), not wrong.
#pragma once

#include <string>
#include <string_view>

namespace weir::http::internal {

class FieldText {
 public:
  explicit FieldText(std::string_view text) : text_(text) {}

  std::string_view rest() const { return text_; }
  bool empty() const { return text_.empty(); }
  void skip_blanks();
  // Whether the next byte was `c`, which is then taken.
  bool take(char c);
  // Empty: there is none here.
  std::string_view token();
  // As token(), '/' included: a media type or range.
  std::string_view media_type();
  // What stands in quotes, its escapes resolved, into `out`. False: no whole one.
  bool quoted(std::string& out);

  // ';' name '=' token or quoted string, or a name alone. False: none follows.
  bool next_parameter(std::string_view& name, std::string& value);
  // To the beginning of the next member of a comma-separated list, which is what
  // comes first when it is called first. False: there is none.
  bool next_member();

 private:
  std::string_view text_;
  bool first_ = true;
};

// A weight "q=0.8" in thousandths; -1: none.
int parse_weight(std::string_view text);

}  // namespace weir::http::internal

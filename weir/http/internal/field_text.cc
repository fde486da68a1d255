#include "weir/http/internal/field_text.h"

#include <algorithm>

#include "weir/http/headers.h"

namespace weir::http::internal {
namespace {

// How much of the front of `text` is made of characters of tokens, or `also`.
std::size_t token_size(std::string_view text, char also) {
  std::size_t size = 0;
  while (size < text.size() && (text[size] == also || is_token(text.substr(size, 1)))) ++size;
  return size;
}

}  // namespace

void FieldText::skip_blanks() { text_.remove_prefix(std::min(text_.find_first_not_of(" \t"), text_.size())); }

bool FieldText::take(char c) {
  if (!text_.starts_with(c)) return false;
  text_.remove_prefix(1);
  return true;
}

std::string_view FieldText::token() {
  const std::string_view token = text_.substr(0, token_size(text_, '!'));
  text_.remove_prefix(token.size());
  return token;
}

std::string_view FieldText::media_type() {
  const std::string_view type = text_.substr(0, token_size(text_, '/'));
  text_.remove_prefix(type.size());
  return type;
}

bool FieldText::quoted(std::string& out) {
  out.clear();
  if (!text_.starts_with('"')) return false;
  for (std::size_t i = 1; i < text_.size(); ++i) {
    char c = text_[i];
    if (c == '"') {
      text_.remove_prefix(i + 1);
      return true;
    }
    if (c == '\\' && i + 1 < text_.size()) c = text_[++i];
    out += c;
  }
  text_ = {};
  return false;
}

bool FieldText::next_parameter(std::string_view& name, std::string& value) {
  do {  // an empty one is allowed: "a;;b=c"
    skip_blanks();
    if (!take(';')) return false;
    skip_blanks();
    name = token();
  } while (name.empty());
  value.clear();
  skip_blanks();
  if (!take('=')) return true;
  skip_blanks();
  if (text_.starts_with('"')) return quoted(value);
  value = token();
  return true;
}

bool FieldText::next_member() {
  skip_blanks();
  if (!first_) {
    // Whatever was not understood of the last one is passed over.
    bool in_quotes = false;
    std::size_t i = 0;
    for (; i < text_.size() && (in_quotes || text_[i] != ','); ++i) {
      if (text_[i] == '"') in_quotes = !in_quotes;
      if (text_[i] == '\\' && in_quotes && i + 1 < text_.size()) ++i;
    }
    text_.remove_prefix(i);
  }
  first_ = false;
  text_.remove_prefix(std::min(text_.find_first_not_of(", \t"), text_.size()));
  return !text_.empty();
}

int parse_weight(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return -1;
  int weight = (text[0] - '0') * 1000;
  if (text.size() == 1) return weight;
  if (text[1] != '.') return -1;
  int unit = 100;
  for (const char c : text.substr(2)) {
    if (c < '0' || c > '9') return -1;
    weight += (c - '0') * unit;
    unit /= 10;
  }
  return weight <= 1000 ? weight : -1;
}

}  // namespace weir::http::internal

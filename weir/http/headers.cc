#include "weir/http/headers.h"

#include <algorithm>
#include <array>
#include <functional>

namespace weir::http {
namespace {

constexpr std::size_t kSeparators = 4;  // ": " and CRLF

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

constexpr std::array<bool, 256> make_token_characters() {
  std::array<bool, 256> table{};
  for (char c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<std::size_t>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kTokenCharacters = make_token_characters();

constexpr bool is_control(char c) {
  return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f';
}

// Hardly ever. Without a way out of the loop, so that it goes by many at once.
bool has_control(std::string_view text) {
  bool found = false;
  for (const char c : text) found |= is_control(c);
  return found;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

bool is_token(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return kTokenCharacters[static_cast<unsigned char>(c)]; });
}

bool Headers::is_own(std::string_view text) const {
  const std::less<const char*> before;
  return !before(text.data(), arena_.data()) && before(text.data(), arena_.data() + arena_.size());
}

bool Headers::add(std::string_view name, std::string_view value) {
  // The arena may move while its own text is being copied.
  if (is_own(name) || is_own(value)) return add(std::string(name), std::string(value));
  value = trimmed(value);
  if (!is_token(name) || fields_.size() >= kFieldsMax) return false;
  if (arena_.size() + name.size() + value.size() > kBytesMax) return false;
  begin_field();
  append_name(name);
  append_value(value);
  if (has_control(value)) std::replace_if(arena_.end() - std::ssize(value), arena_.end(), is_control, ' ');
  end_field();
  return true;
}

bool Headers::copy(const Headers& from, std::size_t index) {
  const Field field = from[index];
  if (&from == this) return add(field.name, field.value);
  if (fields_.size() >= kFieldsMax) return false;
  if (arena_.size() + field.name.size() + field.value.size() > kBytesMax) return false;
  begin_field();
  append_name(field.name);
  append_value(field.value);
  end_field();
  return true;
}

bool Headers::set(std::string_view name, std::string_view value) {
  if (is_own(name) || is_own(value)) return set(std::string(name), std::string(value));
  if (!is_token(name)) return false;
  remove(name);
  return add(name, value);
}

std::size_t Headers::remove(std::string_view name) {
  // The text stays in the arena until clear(): moving it would cost more.
  return std::erase_if(fields_, [&](const Place& place) {
    if (place.name_size != name.size() || !equals_ignoring_case(view(place).name, name)) return false;
    wire_bytes_ -= place.name_size + place.value_size + kSeparators;
    return true;
  });
}

void Headers::clear() {
  arena_.clear();
  fields_.clear();
  wire_bytes_ = 0;
}

void Headers::reserve(std::size_t fields, std::size_t bytes) {
  fields_.reserve(std::min(fields, kFieldsMax));
  arena_.reserve(std::min(bytes, kBytesMax));
}

void Headers::shrink(std::size_t bytes) {
  if (arena_.capacity() > bytes) arena_.shrink_to_fit();
  if (fields_.capacity() * sizeof(Place) > bytes) fields_.shrink_to_fit();
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
  for (const Place& place : fields_) {
    if (place.name_size != name.size()) continue;
    const Field field = view(place);
    if (equals_ignoring_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::vector<std::string_view> Headers::get_all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const Place& place : fields_) {
    if (place.name_size != name.size()) continue;
    const Field field = view(place);
    if (equals_ignoring_case(field.name, name)) values.push_back(field.value);
  }
  return values;
}

bool Headers::has_token(std::string_view name, std::string_view token) const {
  for (const Place& place : fields_) {
    if (place.name_size != name.size()) continue;
    const Field field = view(place);
    if (!equals_ignoring_case(field.name, name)) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      if (equals_ignoring_case(trimmed(rest.substr(0, comma)), token)) return true;
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return false;
}

void Headers::append_to(std::string& out) const {
  for (const Field field : *this) {
    out.append(field.name).append(": ").append(field.value).append("\r\n");
  }
}

Headers::Field Headers::view(const Place& place) const {
  const std::string_view text(arena_);
  return {text.substr(place.at, place.name_size), text.substr(place.at + place.name_size, place.value_size)};
}

void Headers::append_name(std::string_view part) {
  arena_.append(part);
  open_.name_size += static_cast<std::uint32_t>(part.size());
}

void Headers::append_value(std::string_view part) {
  arena_.append(part);
  open_.value_size += static_cast<std::uint32_t>(part.size());
}

std::string_view Headers::open_name() const { return view(open_).name; }

std::string_view Headers::end_field() {
  while (open_.value_size > 0 && is_blank(arena_.back())) {
    arena_.pop_back();
    --open_.value_size;
  }
  fields_.push_back(open_);
  wire_bytes_ += open_.name_size + open_.value_size + kSeparators;
  return view(open_).value;
}

}  // namespace weir::http

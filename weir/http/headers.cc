#include "weir/http/headers.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>

#include "weir/http/internal/words.h"

namespace weir::http {
namespace {

constexpr std::string_view kColon = ": ", kLineEnd = "\r\n";

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

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

bool internal::same_ignoring_case(std::string_view a, std::string_view b) {
  constexpr std::size_t kWord = sizeof(std::uint64_t), kHalf = kWord / 2;
  const std::size_t size = a.size();
  const char* const x = a.data();
  const char* const y = b.data();
  if (size >= kWord) {
    for (std::size_t i = 0; i + kWord < size; i += kWord) {
      if (!same_letters(word_at(x + i), word_at(y + i))) return false;
    }
    // The last word, some of which was compared.
    return same_letters(word_at(x + size - kWord), word_at(y + size - kWord));
  }
  if (size >= kHalf) {
    const auto both = [size](const char* text) {
      return std::uint64_t{word_at<std::uint32_t>(text)} << 32 | word_at<std::uint32_t>(text + size - kHalf);
    };
    return same_letters(both(x), both(y));
  }
  for (std::size_t i = 0; i < size; ++i) {
    if (!same_letters(static_cast<unsigned char>(x[i]), static_cast<unsigned char>(y[i]))) return false;
  }
  return true;
}

bool is_token(std::string_view text) {
  // Nearly all names are letters and hyphens.
  return !text.empty() && std::ranges::all_of(text.substr(internal::end_of_letters(text, 0)), [](char c) {
    return kTokenCharacters[static_cast<unsigned char>(c)];
  });
}

// Letters differ from what `| 0x20` makes of them in case alone; what else falls together
// is told apart by who compares the names.
std::uint32_t Headers::tag_of(std::string_view name) {
  if (name.empty()) return 0;
  const auto folded = [name](std::size_t at) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(name[at]) | 0x20);
  };
  return static_cast<std::uint32_t>(name.size()) << 24 | folded(0) << 16 | folded(name.size() / 2) << 8 |
         folded(name.size() - 1);
}

bool Headers::is_own(std::string_view text) const {
  const std::less<const char*> before;
  return !before(text.data(), arena_.data()) && before(text.data(), arena_.data() + arena_.size());
}

bool Headers::add(std::string_view name, std::string_view value) {
  // The arena may move while its own text is being copied.
  if (is_own(name) || is_own(value)) return add(std::string(name), std::string(value));
  return is_token(name) && add_checked(name, value);
}

bool Headers::add_checked(std::string_view name, std::string_view value) {
  value = trimmed(value);
  const std::size_t size = name.size() + kColonBytes + value.size() + kLineEndBytes;
  if (fields_.size() >= kFieldsMax || arena_.size() + size > kBytesMax) return false;
  const auto at = static_cast<std::uint32_t>(arena_.size());
  const Place place{.at = at,
                    .name_size = static_cast<std::uint32_t>(name.size()),
                    .value_size = static_cast<std::uint32_t>(value.size()),
                    .tag = tag_of(name)};
  fields_.push_back(place);
  arena_.resize_and_overwrite(at + size, [&](char* text, std::size_t /*at least as asked*/) {
    std::memcpy(text + at, name.data(), name.size());
    std::memcpy(text + at + name.size(), kColon.data(), kColon.size());
    if (!value.empty()) std::memcpy(text + place.value_at(), value.data(), value.size());
    std::memcpy(text + place.value_at() + value.size(), kLineEnd.data(), kLineEnd.size());
    return at + size;
  });
  if (internal::end_of_text(value, 0) < value.size()) {
    std::replace_if(arena_.begin() + place.value_at(), arena_.end() - kLineEndBytes, is_control, ' ');
  }
  wire_bytes_ += size;
  return true;
}

bool Headers::append_run(const Headers& from, std::size_t first, std::size_t end) {
  const std::uint32_t begin = from.fields_[first].at;
  const std::size_t size = from.fields_[end - 1].end() - begin;
  if (fields_.size() + (end - first) > kFieldsMax || arena_.size() + size > kBytesMax) return false;
  const std::uint32_t moved = static_cast<std::uint32_t>(arena_.size()) - begin;  // modulo 2^32
  fields_.insert(fields_.end(), from.fields_.begin() + static_cast<std::ptrdiff_t>(first),
                 from.fields_.begin() + static_cast<std::ptrdiff_t>(end));
  for (std::size_t i = fields_.size() - (end - first); i < fields_.size(); ++i) fields_[i].at += moved;
  arena_.append(from.arena_, begin, size);
  wire_bytes_ += size;
  return true;
}

bool Headers::set(std::string_view name, std::string_view value) {
  if (is_own(name) || is_own(value)) return set(std::string(name), std::string(value));
  if (!is_token(name)) return false;
  remove(name);
  return add_checked(name, value);
}

std::size_t Headers::remove(std::string_view name) {
  const std::uint32_t tag = tag_of(name);
  // The text stays in the arena until clear(): moving it would cost more.
  return std::erase_if(fields_, [&](const Place& place) {
    if (!is_named(place, tag, name)) return false;
    wire_bytes_ -= place.end() - place.at;
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
  const std::uint32_t tag = tag_of(name);
  for (const Place& place : fields_) {
    if (is_named(place, tag, name)) return view(place).value;
  }
  return std::nullopt;
}

std::vector<std::string_view> Headers::get_all(std::string_view name) const {
  const std::uint32_t tag = tag_of(name);
  std::vector<std::string_view> values;
  for (const Place& place : fields_) {
    if (is_named(place, tag, name)) values.push_back(view(place).value);
  }
  return values;
}

bool Headers::has_token(std::string_view name, std::string_view token) const {
  const std::uint32_t tag = tag_of(name);
  for (const Place& place : fields_) {
    if (!is_named(place, tag, name)) continue;
    std::string_view rest = view(place).value;
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
  append_to(out, [](const Field&) { return true; });
}

void Headers::append_name(std::string_view part) {
  arena_.append(part);
  open_.name_size += static_cast<std::uint32_t>(part.size());
}

void Headers::append_value(std::string_view part) {
  if (arena_.size() == open_.at + open_.name_size) arena_.append(kColon);
  arena_.append(part);
  open_.value_size += static_cast<std::uint32_t>(part.size());
}

std::string_view Headers::open_name() const { return {arena_.data() + open_.at, open_.name_size}; }

std::string_view Headers::end_field() {
  append_value({});
  while (open_.value_size > 0 && is_blank(arena_.back())) {
    arena_.pop_back();
    --open_.value_size;
  }
  arena_.append(kLineEnd);
  open_.tag = tag_of(open_name());
  fields_.push_back(open_);
  wire_bytes_ += open_.end() - open_.at;
  return view(open_).value;
}

void Headers::append_lines(std::string_view lines, std::span<const Field> fields) {
  const auto begin = static_cast<std::uint32_t>(arena_.size());
  arena_.append(lines);
  wire_bytes_ += lines.size();
  for (const Field& field : fields) {
    fields_.push_back({.at = begin + static_cast<std::uint32_t>(field.name.data() - lines.data()),
                       .name_size = static_cast<std::uint32_t>(field.name.size()),
                       .value_size = static_cast<std::uint32_t>(field.value.size()),
                       .tag = tag_of(field.name)});
  }
}

}  // namespace weir::http

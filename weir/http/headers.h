// The fields of a message: in the order they came, names compared without
// regard to case, repeated names kept apart.
//
// All text lies in one arena as it stands on the wire: a head is written, and
// copied, by the run of fields and not by the field; and a Headers that is
// cleared and filled again allocates nothing once it is warm. Views that it
// hands out live until the next change.
//
//   head.headers.set("Content-Type", "application/json");
//   if (head.headers.has_token("Connection", "close")) ...
//   for (const auto [name, value] : head.headers) ...
//
// A plain value: not thread-safe, copied and moved as a string is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http {

namespace internal {
// Of texts that are as long as each other, and not empty.
bool same_ignoring_case(std::string_view a, std::string_view b);
}  // namespace internal

// ASCII only, as field names and tokens are.
inline bool equals_ignoring_case(std::string_view a, std::string_view b) {
  constexpr char kCase = 0x20;
  if (a.size() != b.size()) return false;
  if (a.empty()) return true;
  // Letters differ in that bit alone, and most names by the first.
  return (a.front() | kCase) == (b.front() | kCase) && internal::same_ignoring_case(a, b);
}
// RFC 9110 section 5.6.2: one or more of the characters a field name may have.
bool is_token(std::string_view text);

class Headers {
 public:
  // More is not taken, whoever adds it. Far above what a message may bring
  // (Parser::Limits); it keeps a loop that adds from eating the memory.
  static constexpr std::size_t kBytesMax = 1 << 20;
  static constexpr std::size_t kFieldsMax = 4096;

  struct Field {
    std::string_view name;
    std::string_view value;
  };
  class Iterator;

  // Appends. Control characters in `value` become spaces, so that no value can
  // end its line; blanks around it are dropped. False, and nothing is added,
  // when `name` is no token or the Headers is full.
  bool add(std::string_view name, std::string_view value);
  // Appends those of another Headers for which `stays(Field)`; they were checked
  // when that took them. False where this one is full: some are missing then.
  template <class Stays>
  bool copy(const Headers& from, Stays stays);
  // As add(), in place of all fields of that name.
  bool set(std::string_view name, std::string_view value);
  // How many there were.
  std::size_t remove(std::string_view name);
  // Keeps the memory.
  void clear();
  // Room for so many fields, of so many bytes of names and values together.
  void reserve(std::size_t fields, std::size_t bytes);
  // Gives back what a clear()ed one holds above `bytes`.
  void shrink(std::size_t bytes);

  // The first of that name.
  std::optional<std::string_view> get(std::string_view name) const;
  // All of that name, in order. Allocates.
  std::vector<std::string_view> get_all(std::string_view name) const;
  // Whether the comma-separated lists of that name have `token`; case ignored.
  bool has_token(std::string_view name, std::string_view token) const;

  bool empty() const { return fields_.empty(); }
  std::size_t size() const { return fields_.size(); }
  // As they stand on the wire, ": " and line ends included.
  std::size_t bytes() const { return wire_bytes_; }
  Field operator[](std::size_t index) const { return view(fields_[index]); }

  Iterator begin() const;
  Iterator end() const;

  // "Name: value\r\n" for each.
  void append_to(std::string& out) const;
  // For each for which `stays(Field)`.
  template <class Stays>
  void append_to(std::string& out, Stays stays) const;

 private:
  friend class Parser;

  static constexpr std::uint32_t kColonBytes = 2;    // ": "
  static constexpr std::uint32_t kLineEndBytes = 2;  // CRLF

  struct Place {
    std::uint32_t value_at() const { return at + name_size + kColonBytes; }
    std::uint32_t end() const { return value_at() + value_size + kLineEndBytes; }

    std::uint32_t at;  // of the name; ": ", the value and CRLF follow
    std::uint32_t name_size;
    std::uint32_t value_size;
    std::uint32_t tag;  // of the name: names of different tags differ
  };

  static std::uint32_t tag_of(std::string_view name);

  Field view(const Place& place) const;
  bool is_named(const Place& place, std::uint32_t tag, std::string_view name) const {
    return place.tag == tag && equals_ignoring_case(view(place).name, name);
  }
  bool is_own(std::string_view text) const;
  // Calls `each(first, end)` for each run of fields, by index, that lie one behind the
  // other and stay.
  template <class Stays, class Each>
  void for_each_run(Stays stays, Each each) const;
  bool append_run(const Headers& from, std::size_t first, std::size_t end);
  bool add_checked(std::string_view name, std::string_view value);

  // For the parser, whose fields come in pieces and are checked already.
  void begin_field() { open_ = {.at = static_cast<std::uint32_t>(arena_.size())}; }
  void append_name(std::string_view part);
  void append_value(std::string_view part);
  std::string_view open_name() const;
  std::string_view end_field();  // its value
  // Whole lines as they came, and the views of what is in them.
  void append_lines(std::string_view lines, std::span<const Field> fields);

  std::string arena_;
  std::vector<Place> fields_;
  Place open_{};
  std::size_t wire_bytes_ = 0;
};

class Headers::Iterator {
 public:
  Iterator(const Headers& headers, std::size_t index) : headers_(&headers), index_(index) {}
  Field operator*() const { return (*headers_)[index_]; }
  Iterator& operator++() {
    ++index_;
    return *this;
  }
  bool operator==(const Iterator& other) const { return index_ == other.index_; }

 private:
  const Headers* headers_;
  std::size_t index_;
};

inline Headers::Field Headers::view(const Place& place) const {
  return {{arena_.data() + place.at, place.name_size}, {arena_.data() + place.value_at(), place.value_size}};
}

template <class Stays, class Each>
void Headers::for_each_run(Stays stays, Each each) const {
  std::size_t first = 0;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (!stays(view(fields_[i]))) {
      if (first < i) each(first, i);
      first = i + 1;
    } else if (first < i && fields_[i - 1].end() != fields_[i].at) {
      each(first, i);
      first = i;
    }
  }
  if (first < fields_.size()) each(first, fields_.size());
}

template <class Stays>
bool Headers::copy(const Headers& from, Stays stays) {
  if (&from == this) return copy(Headers(from), stays);
  bool all = true;
  from.for_each_run(stays,
                    [&](std::size_t first, std::size_t end) { all = append_run(from, first, end) && all; });
  return all;
}

template <class Stays>
void Headers::append_to(std::string& out, Stays stays) const {
  for_each_run(stays, [&](std::size_t first, std::size_t end) {
    out.append(arena_, fields_[first].at, fields_[end - 1].end() - fields_[first].at);
  });
}

inline Headers::Iterator Headers::begin() const { return {*this, 0}; }
inline Headers::Iterator Headers::end() const { return {*this, fields_.size()}; }

}  // namespace weir::http

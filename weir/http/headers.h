// The fields of a message: in the order they came, names compared without
// regard to case, repeated names kept apart.
//
// All text lies in one arena, so that a Headers that is cleared and filled
// again allocates nothing once it is warm. Views that it hands out live until
// the next change.
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
#include <string>
#include <string_view>
#include <vector>

namespace weir::http {

// ASCII only, as field names and tokens are.
bool equals_ignoring_case(std::string_view a, std::string_view b);
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
  // Appends a field of another Headers, which was checked when that took it.
  // False, and nothing is added, when this one is full.
  bool copy(const Headers& from, std::size_t index);
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

 private:
  friend class Parser;

  struct Place {
    std::uint32_t at;  // of the name; the value follows
    std::uint32_t name_size;
    std::uint32_t value_size;
  };

  Field view(const Place& place) const;
  bool is_own(std::string_view text) const;

  // For the parser, whose fields come in pieces and are checked already.
  void begin_field() { open_ = {static_cast<std::uint32_t>(arena_.size()), 0, 0}; }
  void append_name(std::string_view part);
  void append_value(std::string_view part);
  std::string_view open_name() const;
  std::string_view end_field();  // its value

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

inline Headers::Iterator Headers::begin() const { return {*this, 0}; }
inline Headers::Iterator Headers::end() const { return {*this, fields_.size()}; }

}  // namespace weir::http

// JSON, appended to a text as it is said: for hot replies, which need no document.
//
//   std::string body;
//   JsonWriter json(body);
//   json.begin_object().field("id",
//   7).key("tags").begin_array().value("a").value("b").end_array().end_object();
//   // {"id":7,"tags":["a","b"]}
//
// Commas and escapes are its business; that what is begun is ended, and that each
// value of an object has a key, is its caller's. Text that is no UTF-8 gets U+FFFD;
// numbers that JSON has not (NaN, infinities) become null. Not thread-safe.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "weir/base/json_text.h"

namespace weir {

class JsonWriter {
 public:
  // `out` outlives it, and is appended to.
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object() { return begin('{'); }
  JsonWriter& end_object() { return end('}'); }
  JsonWriter& begin_array() { return begin('['); }
  JsonWriter& end_array() { return end(']'); }

  JsonWriter& key(std::string_view name) {
    separate();
    append_json_string(name, out_);
    out_ += ':';
    comma_ = false;
    return *this;
  }

  JsonWriter& value(std::string_view text) {
    separate();
    append_json_string(text, out_);
    return *this;
  }
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(bool truth) { return raw(truth ? "true" : "false"); }
  JsonWriter& value(double number);
  JsonWriter& value(std::nullptr_t) { return raw("null"); }
  template <std::integral T>
  JsonWriter& value(T number) {
    char text[24];  // NOLINT(cppcoreguidelines-avoid-c-arrays): 20 digits and a sign
    const auto [end, error] = std::to_chars(text, text + sizeof text, number);
    return raw(std::string_view(text, static_cast<std::size_t>(end - text)));
  }
  template <typename T>
  JsonWriter& value(const std::optional<T>& maybe) {
    return maybe ? value(*maybe) : value(nullptr);
  }
  // JSON already.
  JsonWriter& raw(std::string_view json) {
    separate();
    out_ += json;
    return *this;
  }

  template <typename T>
  JsonWriter& field(std::string_view name, const T& of_it) {
    return key(name).value(of_it);
  }

 private:
  JsonWriter& begin(char bracket) {
    separate();
    out_ += bracket;
    comma_ = false;
    return *this;
  }
  JsonWriter& end(char bracket) {
    out_ += bracket;
    comma_ = true;
    return *this;
  }
  void separate() {
    if (comma_) out_ += ',';
    comma_ = true;
  }

  std::string& out_;
  bool comma_ = false;  // before what comes next
};

}  // namespace weir

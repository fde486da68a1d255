// JSON that came: read in place, each value asked for by what it should be.
//
//   Result<JsonDocument> document = co_await read_json(exchange);
//   if (!document) co_return std::unexpected(document.error());
//   const JsonValue order = document->root();
//   const Result<std::int64_t> count = order["count"].integer();
//   if (!count) co_return std::unexpected(count.error());   // "invalid: malformed at count"
//   for (const JsonValue& item : order["items"].elements()) ...
//
// A value that is missing or of another kind is one too, until it is asked for: then
// it is an error that has the key last used as its `where`. So keys are literals, or
// outlive the errors. To write JSON: base/json_writer.h.
//
// A document is one task's at a time; values are views that it outlives.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/core/context.h"
#include "weir/core/task.h"

namespace weir::http {

class Exchange;

struct JsonLimits {
  // Of the text; a document takes some 2 to 10 times of it. More: too_large.
  Bytes bytes = mebibytes(1);
  // Arrays and objects within one another.
  std::uint32_t depth = 64;
};

class JsonValue {
 public:
  enum class Kind : std::uint8_t { missing, null, boolean, number, string, array, object };
  struct Member;

  JsonValue() = default;  // missing

  Kind kind() const { return kind_; }
  bool exists() const { return kind_ != Kind::missing; }

  // Of an object: the first of that key. Missing where there is none, and of what
  // is no object. Looks through the members.
  JsonValue operator[](std::string_view key) const;
  // Of an array, with the same meaning.
  JsonValue at(std::size_t index) const;
  // Of an array or object; 0 of anything else.
  std::size_t size() const;
  // All of an array (object), in order; empty of anything else. Allocates.
  std::vector<JsonValue> elements() const;
  std::vector<Member> members() const;

  // Errors: invalid (malformed: missing or of another kind; too_large: a number
  // beyond 64 bits with a sign). A number with a fraction is no integer.
  Result<std::string_view> text() const;
  Result<std::int64_t> integer() const;
  Result<double> number() const;
  Result<bool> boolean() const;

 private:
  friend class JsonDocument;
  // simdjson's own, kept out of this header.
  using Place = std::array<std::uint64_t, 2>;

  JsonValue(Kind kind, const Place& place, std::string_view name) : place_(place), name_(name), kind_(kind) {}
  std::unexpected<Error> wrong(Reason reason) const;

  Place place_{};
  std::string_view name_ = "body";
  Kind kind_ = Kind::missing;
};

struct JsonValue::Member {
  std::string_view key;
  JsonValue value;
};

class JsonDocument {
 public:
  // Errors: invalid (malformed; too_large: over a limit).
  static Result<JsonDocument> parse(std::string_view text, const JsonLimits& limits);
  static Result<JsonDocument> parse(std::string_view text) { return parse(text, JsonLimits{}); }
  // The same of a text that it takes.
  static Result<JsonDocument> parse_own(std::string text, const JsonLimits& limits);

  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  ~JsonDocument();

  JsonValue root() const;

 private:
  struct State;
  explicit JsonDocument(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

// The body of a request whose Content-Type is application/json or ends in +json.
// Errors: unsupported for another; those of parse() and of reading a body.
core::task<Result<JsonDocument>> read_json(Exchange& exchange, JsonLimits limits = {});

}  // namespace weir::http

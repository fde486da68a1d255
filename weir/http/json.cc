#include "weir/http/json.h"

#include <simdjson.h>

#include <bit>
#include <utility>

#include "weir/http/exchange.h"
#include "weir/http/internal/field_text.h"
#include "weir/http/read_body.h"

namespace weir::http {
namespace {

namespace dom = simdjson::dom;
using Kind = JsonValue::Kind;
using Place = std::array<std::uint64_t, 2>;

static_assert(sizeof(dom::element) == sizeof(Place) && std::is_trivially_copyable_v<dom::element>);

dom::element element(const Place& place) { return std::bit_cast<dom::element>(place); }

Kind kind_of(dom::element value) {
  switch (value.type()) {
    case dom::element_type::ARRAY: return Kind::array;
    case dom::element_type::OBJECT: return Kind::object;
    case dom::element_type::INT64:
    case dom::element_type::UINT64:
    case dom::element_type::DOUBLE: return Kind::number;
    case dom::element_type::STRING: return Kind::string;
    case dom::element_type::BOOL: return Kind::boolean;
    case dom::element_type::NULL_VALUE: break;
  }
  return Kind::null;
}

bool is_json(std::string_view content_type) {
  const std::string_view type = internal::FieldText(content_type).media_type();
  if (equals_ignoring_case(type, "application/json")) return true;
  return type.size() > 5 && equals_ignoring_case(type.substr(type.size() - 5), "+json");
}

}  // namespace

struct JsonDocument::State {
  std::string text;
  dom::parser parser;
  dom::element root;
};

std::unexpected<Error> JsonValue::wrong(Reason reason) const {
  return fail(ErrorKind::invalid, reason, name_);
}

JsonValue JsonValue::operator[](std::string_view key) const {
  dom::element found;
  if (kind_ != Kind::object || element(place_).at_key(key).get(found) != simdjson::SUCCESS) {
    return {Kind::missing, {}, key};
  }
  return {kind_of(found), std::bit_cast<Place>(found), key};
}

JsonValue JsonValue::at(std::size_t index) const {
  dom::element found;
  if (kind_ != Kind::array || element(place_).get_array().at(index).get(found) != simdjson::SUCCESS) {
    return {Kind::missing, {}, name_};
  }
  return {kind_of(found), std::bit_cast<Place>(found), name_};
}

std::size_t JsonValue::size() const {
  // simdjson's own counts end at 2^24.
  if (kind_ == Kind::array) return elements().size();
  return kind_ == Kind::object ? members().size() : 0;
}

std::vector<JsonValue> JsonValue::elements() const {
  std::vector<JsonValue> all;
  if (kind_ != Kind::array) return all;
  for (const dom::element value : dom::array(element(place_).get_array().value_unsafe())) {
    all.push_back(JsonValue(kind_of(value), std::bit_cast<Place>(value), name_));
  }
  return all;
}

std::vector<JsonValue::Member> JsonValue::members() const {
  std::vector<Member> all;
  if (kind_ != Kind::object) return all;
  for (const dom::key_value_pair pair : dom::object(element(place_).get_object().value_unsafe())) {
    all.push_back({pair.key, JsonValue(kind_of(pair.value), std::bit_cast<Place>(pair.value), pair.key)});
  }
  return all;
}

Result<std::string_view> JsonValue::text() const {
  if (kind_ != Kind::string) return wrong(Reason::malformed);
  return element(place_).get_string().value_unsafe();
}

Result<std::int64_t> JsonValue::integer() const {
  if (kind_ != Kind::number) return wrong(Reason::malformed);
  if (element(place_).is_uint64() && !element(place_).is_int64()) return wrong(Reason::too_large);
  std::int64_t value = 0;
  if (element(place_).get(value) != simdjson::SUCCESS) return wrong(Reason::malformed);
  return value;
}

Result<double> JsonValue::number() const {
  if (kind_ != Kind::number) return wrong(Reason::malformed);
  return element(place_).get_double().value_unsafe();
}

Result<bool> JsonValue::boolean() const {
  if (kind_ != Kind::boolean) return wrong(Reason::malformed);
  return element(place_).get_bool().value_unsafe();
}

JsonDocument::JsonDocument(std::unique_ptr<State> state) : state_(std::move(state)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

Result<JsonDocument> JsonDocument::parse(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes.count) return fail(ErrorKind::invalid, Reason::too_large, "body");
  return parse_own(std::string(text), limits);
}

Result<JsonDocument> JsonDocument::parse_own(std::string text, const JsonLimits& limits) {
  const std::size_t size = text.size();
  if (size > limits.bytes.count) return fail(ErrorKind::invalid, Reason::too_large, "body");
  auto state = std::make_unique<State>();
  state->text = std::move(text);
  // It reads beyond the end, in steps of a vector.
  state->text.append(simdjson::SIMDJSON_PADDING, '\0');
  if (state->parser.allocate(std::max<std::size_t>(size, 64), limits.depth) != simdjson::SUCCESS) {
    return fail(ErrorKind::overloaded, Reason::memory_low, "body");
  }
  const auto error = state->parser.parse(state->text.data(), size, false).get(state->root);
  if (error == simdjson::DEPTH_ERROR) return fail(ErrorKind::invalid, Reason::too_large, "body");
  if (error != simdjson::SUCCESS) return fail(ErrorKind::invalid, Reason::malformed, "body");
  return JsonDocument(std::move(state));
}

JsonValue JsonDocument::root() const {
  return {kind_of(state_->root), std::bit_cast<Place>(state_->root), "body"};
}

core::task<Result<JsonDocument>> read_json(Exchange& exchange, JsonLimits limits) {
  if (!is_json(exchange.request().headers.get("Content-Type").value_or(""))) {
    co_return fail(ErrorKind::unsupported, Reason::none, "Content-Type");
  }
  Result<std::string> text =
      co_await read_body(exchange.body(), exchange.context(), limits.bytes, simdjson::SIMDJSON_PADDING);
  if (!text) co_return std::unexpected(text.error());
  co_return JsonDocument::parse_own(std::move(*text), limits);
}

}  // namespace weir::http

// Conditional requests (RFC 9110 section 13): what a client has already, or
// wants changed only if nobody else has changed it.
//
//   const Validators now{.etag = "\"v7\"", .last_modified = changed_at};
//   switch (check_conditions(exchange.request(), now)) {
//     case Condition::not_modified: ... 304, with ETag and Cache-Control
//     case Condition::failed:       ... 412
//     case Condition::holds:        ... go on
//   }
//
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "weir/http/http_date.h"
#include "weir/http/message.h"

namespace weir::http {

// RFC 9110 section 8.8.3. A strong tag says that the bytes are the same, a weak
// one that the meaning is.
struct EntityTag {
  std::string_view opaque;  // with its quotes
  bool weak = false;
};

// "\"x\"" or "W/\"x\"". nullopt: neither.
std::optional<EntityTag> parse_entity_tag(std::string_view text);

// What is known of the present representation.
struct Validators {
  std::string_view etag = {};  // as in its field, "W/" included; empty: none
  std::optional<Seconds> last_modified = {};
  bool exists = true;  // false: the request would make it
};

enum class Condition : std::uint8_t { holds, not_modified, failed };

// By If-Match, else If-Unmodified-Since; then by If-None-Match, else (for GET
// and HEAD) If-Modified-Since, as section 13.2.2 orders them. Dates that are
// malformed count as absent.
Condition check_conditions(const RequestHead& request, const Validators& now);

// Whether a Range of this request applies: it has no If-Range, or one that names
// the present representation, strongly.
bool range_applies(const RequestHead& request, const Validators& now);

}  // namespace weir::http

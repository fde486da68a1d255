// The heads of requests and responses, and how the end of a body is told.
//
// A head that is cleared and filled again allocates nothing once it is warm.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "weir/http/headers.h"

namespace weir::http {

struct RequestHead {
  std::string method = "GET";  // as sent: methods are case-sensitive
  // Origin form ("/path?query") or "*". A request that came in absolute form
  // has been brought into this one, with the target's authority as its Host
  // (RFC 9112 section 3.2.2).
  std::string target = "/";
  int version_minor = 1;  // HTTP/1.<this>: 0 or 1
  Headers headers;

  // Empty strings and no fields; keeps the memory.
  void clear();
};

struct ResponseHead {
  int status = 200;       // 100 to 999
  std::string reason;     // empty: the standard phrase when it is written
  int version_minor = 1;  // of a response received; the server sends 1
  Headers headers;

  void clear();
};

// How the receiver finds the end of a body (RFC 9112 section 6.3).
struct BodyLength {
  enum class Kind : std::uint8_t {
    none,         // there is no body
    known,        // Content-Length
    chunked,      // Transfer-Encoding: chunked
    until_close,  // the end of the connection; responses only
  };

  Kind kind = Kind::none;
  std::uint64_t bytes = 0;  // when known

  static constexpr BodyLength none() { return {}; }
  static constexpr BodyLength known(std::uint64_t bytes) { return {Kind::known, bytes}; }
  static constexpr BodyLength chunked() { return {Kind::chunked, 0}; }
  static constexpr BodyLength until_close() { return {Kind::until_close, 0}; }

  constexpr bool operator==(const BodyLength&) const = default;
};

// "Not Found" for 404; empty where there is no standard phrase.
std::string_view standard_reason(int status);

// Responses of this status have no body, whatever their fields say: 1xx, 204, 304.
constexpr bool has_no_body(int status) { return status / 100 == 1 || status == 204 || status == 304; }

}  // namespace weir::http

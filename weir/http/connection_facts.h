// What is known of the connection that a request came on, beside the request:
// what a handler decides by, and what a gateway tells its upstream.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::http {

enum class Protocol : std::uint8_t {
  http1,  // 1.0 or 1.1, as the request's version_minor has it
  http2,
};

// The texts live as long as the connection.
struct ConnectionFacts {
  Protocol protocol = Protocol::http1;
  bool tls = false;                 // the scheme was https
  std::string_view server_name;     // that the client asked for in TLS; empty: none
  std::string_view client_subject;  // of the client's certificate, verified; empty: it showed none
};

}  // namespace weir::http

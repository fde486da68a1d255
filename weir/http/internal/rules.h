// What RFC 9110 and 9112 have a request's head be, beyond its grammar: methods,
// targets, hosts, transfer codings. Pure functions; the parser applies them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "weir/http/message.h"

namespace weir::http::internal {

// The longest method below; a longer one is unknown before it has ended.
inline constexpr std::size_t kMethodBytesMax = 16;

// The registered methods that make sense to a server or a gateway. CONNECT is
// not among them: it asks for a tunnel, which is not implemented (501).
bool is_known_method(std::string_view method);

// RFC 9110 section 7.2: a name, an IPv4 or a bracketed IPv6 address, and a port
// if any. Empty is valid in a Host field: a target may have no authority.
bool is_host(std::string_view text);

// Brings an absolute form into origin form and its authority into Host; leaves
// origin form and "*" as they are. False: not a target this method may have.
bool settle_target(RequestHead& head);

// The members of Transfer-Encoding, over all its fields.
struct TransferCodings {
  bool present = false;
  bool chunked_last = false;
  std::uint32_t chunked = 0;
  std::uint32_t others = 0;

  void add(std::string_view value);
};

}  // namespace weir::http::internal

// A reply held whole, to be given to more than one: which requests and replies are fit
// for that (RFC 9111, on the careful side of it), and under which key.
//
// Pure functions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "weir/base/clock.h"
#include "weir/http/message.h"

namespace weir::service {

struct StoredReply {
  http::ResponseHead head;  // as the client gets it
  std::string body;
  std::uint64_t loader = 0;  // the request that fetched it
  bool whole = true;         // false: larger than may be held, and `body` is empty
  bool for_all = false;      // false: for the loader alone
};

// Shared by all who are given it. It says how large what it points to is, for the
// cache's account of bytes.
class StoredPointer : public std::shared_ptr<const StoredReply> {
 public:
  using std::shared_ptr<const StoredReply>::shared_ptr;
  std::size_t size() const;
  const char* data() const { return get()->body.data(); }
};

// nullopt: not one that may be answered with what another fetched.
std::optional<std::string> shared_key(const http::RequestHead& request, bool has_body);

// Whether the upstream's reply to such a request may be given to others.
bool may_be_shared(const http::ResponseHead& reply);

// Delay-seconds of Retry-After; 0: none, or a date.
Duration retry_after_of(const http::ResponseHead& reply);

}  // namespace weir::service

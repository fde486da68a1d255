// A request as bytes, to be kept and sent later: its head, as it goes upstream, and
// its body.
//
//   const std::string bytes = to_bytes({head, body});
//   const std::optional<StoredRequest> request = parse_stored_request(bytes);
//
// Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "weir/http/message.h"

namespace weir::service {

struct StoredRequest {
  http::RequestHead head;
  std::string body;
};

std::string to_bytes(const StoredRequest& request);

// nullopt: the bytes are not what to_bytes() gave; a store that outlives the process
// may hold anything.
std::optional<StoredRequest> parse_stored_request(std::string_view bytes);

}  // namespace weir::service

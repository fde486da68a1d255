// The gateway's own answers: a status, a small JSON body that names what
// refused, and Retry-After where coming back helps. The body has the form of
// the HTTP server's own refusals, and says more:
//
//   {"error":{"status":503,"reason":"queue_full","bound":"inflight","limit":200,
//    "retry_after_s":1,"message":"..."}}
//
// A caller of gRPC gets the same as grpc-status and grpc-message (grpc.h).
#pragma once

#include <string_view>

#include "weir/base/result.h"
#include "weir/core/task.h"
#include "weir/http/server.h"

namespace weir::service {

struct RefusalReply {
  int status;
  std::string_view reason;         // one word, as in the metrics
  std::string_view message;        // for people
  std::string_view bound = {};     // the bound's name; empty: none is involved
  std::uint64_t limit = 0;         // its limit
  std::string_view upstream = {};  // empty: none is involved
  Duration retry_after = {};       // 0: no Retry-After; sent in whole seconds, rounded up
  std::uint32_t threshold = 0;     // priority levels below it are shed: Weir-Shed-Below; 0: none
  http::Headers also = {};         // more fields
};

// Does nothing when a head has been sent already. That the client is gone is
// no error here.
core::task<void> send_refusal(http::Exchange& exchange, RefusalReply reply);

// One line.
std::string to_json(const RefusalReply& reply);

}  // namespace weir::service

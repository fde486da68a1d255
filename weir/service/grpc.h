// gRPC as a gateway has to know it: which requests are, how long their callers
// wait, and how a refusal is told to them.
//
// A caller of gRPC reads no HTTP status but 200: what failed is in grpc-status and
// grpc-message, here in a reply that has nothing else ("trailers-only", as the
// protocol's description over HTTP/2 calls it).
//
// Pure functions; callable from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "weir/base/clock.h"
#include "weir/http/message.h"

namespace weir::service {

struct RefusalReply;

enum class GrpcStatus : int {
  invalid_argument = 3,
  deadline_exceeded = 4,
  resource_exhausted = 8,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
};

// By its content type: application/grpc, application/grpc+proto, ...; not grpc-web.
bool is_grpc(const http::Headers& headers);

// What grpc-timeout says: up to 8 digits and a unit, H M S m u n. nullopt: absent,
// or not of this form.
std::optional<Duration> grpc_timeout(const http::Headers& headers);
// As the field has it, rounded down to what 8 digits can say; at least one unit.
std::string grpc_timeout_text(Duration timeout);

// A refusal's status as gRPC has it: what is at its limit is RESOURCE_EXHAUSTED,
// what does not answer UNAVAILABLE, what took too long DEADLINE_EXCEEDED.
GrpcStatus grpc_status_of(const RefusalReply& reply);
// Fills in the head of the reply, which has no body.
void write_grpc_refusal(const RefusalReply& reply, http::ResponseHead& head);

// grpc-message: everything but visible ASCII, and '%', is percent-encoded.
std::string grpc_message(std::string_view text);

}  // namespace weir::service

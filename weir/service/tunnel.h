// Bytes both ways between a client and an upstream that speak another protocol
// since a 101: what comes from one goes to the other, no faster than that takes it.
#pragma once

#include <cstdint>

#include "weir/base/clock.h"
#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/task.h"
#include "weir/http/byte_stream.h"

namespace weir::service {

enum class TunnelEnd : std::uint8_t {
  closed,  // both sides, each after all it had to say has been handed on
  idle,    // nothing went either way for too long
  broken,  // one side failed, or took nothing for too long: both are cut off
  cut,     // the context ended: both are cut off
};

struct TunnelResult {
  TunnelEnd end = TunnelEnd::closed;
  std::uint64_t from_client = 0;  // bytes
  std::uint64_t to_client = 0;
};

// Until both sides have closed. One that has closes only its own direction: the
// other goes on. `permit`: for the task of the second direction. Holds two buffers,
// of kTunnelBuffer each.
inline constexpr std::uint64_t kTunnelBuffer = 16 << 10;
core::task<TunnelResult> run_tunnel(core::Context& context, core::Permit permit, http::ByteStream& client,
                                    http::ByteStream& upstream, Duration idle_timeout);

}  // namespace weir::service

// The body of a message as it arrives: piece by piece, without a copy, and no
// faster than it is read.
//
//   for (;;) {
//     Result<std::span<const std::byte>> piece = co_await body.next(ctx);
//     if (!piece) co_return std::unexpected(piece.error());
//     if (piece->empty()) break;
//     hash.update(*piece);
//   }
//
// One task at a time. It belongs to whatever handed it out and ends with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/http/headers.h"

namespace weir::http {

class BodySource {
 public:
  virtual ~BodySource() = default;

  // The next bytes; empty: the end, and again on every later call. The span
  // lies in the connection's buffer and is valid until the next call.
  //
  // Errors, which stay: disconnected (closed, reset: the peer left before the
  // end; timed_out: it sent too slowly), invalid (malformed, too_large).
  // deadline and cancelled are the caller's own and pass.
  // Cancellation: no byte is lost; the next call goes on from here.
  virtual core::task<Result<std::span<const std::byte>>> next(core::Context& context) = 0;

  // What Content-Length announced; 0 when there is no body; nullopt when only
  // the end will tell.
  virtual std::optional<std::uint64_t> length() const = 0;

  // The fields after a chunked body: null before the end, and when there are none.
  virtual const Headers* trailers() const = 0;
};

}  // namespace weir::http

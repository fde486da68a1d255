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

  // Waits, before the first next(), until as much of it is at hand as its
  // connection holds by itself (kGatheredMax), or all: so that what is scarce is
  // taken only when there is something to do with it, and who sends slowly holds
  // none of it. Only of a body whose length is known, because with another the
  // sender may itself be waiting for an answer to what it has sent; and of none that
  // its sender wants to be asked for, which next() does.
  // Errors and cancellation: as next(), and nothing is lost.
  static constexpr std::size_t kGatheredMax = 16 << 10;
  virtual core::task<Result<>> gather(core::Context&) { co_return Result<>(); }
  // There is nothing to gather, or no more.
  virtual bool gathered() const { return true; }

  // What Content-Length announced; 0 when there is no body; nullopt when only
  // the end will tell.
  virtual std::optional<std::uint64_t> length() const = 0;

  // The fields after a chunked body: null before the end, and when there are none.
  virtual const Headers* trailers() const = 0;
};

}  // namespace weir::http

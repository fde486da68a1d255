// The PROXY protocol, versions 1 and 2, as a balancer before us speaks it: the
// first bytes of a connection say whose it is.
//
// (The specification is HAProxy's "The PROXY protocol", versions 1 & 2.)
//
//   Result<std::optional<SocketAddress>> client = co_await read_proxy_header(ctx, socket, deadline);
//   if (!client) { close without a word: who sent this is no balancer of ours }
//   if (*client) { the connection is that client's }
//
// Strict: what is not exactly a header is refused. Only for connections from
// peers that are known to send it: anybody can write anything there.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/net/address.h"
#include "weir/net/socket.h"

namespace weir::net {

// Takes a header byte by byte, so that nothing behind it is read. Allocates nothing.
class ProxyHeader {
 public:
  // How many bytes to read next: no more than are part of the header for certain.
  // 0: it is complete, client() is there. At most kPieceMax.
  std::size_t wanted() const;
  // As many as were wanted, or fewer. False: this is no header, and stays so.
  bool feed(std::span<const std::byte> bytes);

  // Whose connection it is; nullopt: the sender's own (LOCAL, or UNKNOWN, or a
  // family that has no port).
  const std::optional<SocketAddress>& client() const { return client_; }

  static constexpr std::size_t kPieceMax = 512;

 private:
  enum class Stage : std::uint8_t { prefix, line, head, payload, done, broken };

  bool feed_byte(std::byte byte);
  bool on_prefix();
  bool on_line();
  bool on_head();
  bool on_payload();

  // With its end; the specification's number.
  static constexpr std::size_t kLineMax = 107;
  static constexpr std::size_t kHeadBytes = 16;
  // What may follow the addresses (TLVs) is passed over; more is refused. 4 KiB
  // hold any client certificate's names.
  static constexpr std::size_t kPayloadMax = 4096;

  Stage stage_ = Stage::prefix;
  std::array<std::byte, 128> bytes_;  // the line, the head, or how the payload begins
  std::size_t have_ = 0;              // of the line, the head or the payload
  std::size_t payload_ = 0;           // announced
  std::uint8_t family_ = 0;
  bool local_ = false;
  std::optional<SocketAddress> client_;
};

// The client's address; nullopt: the connection is the sender's own.
// Errors: invalid (malformed); disconnected (closed, reset; timed_out at the
// deadline); cancelled. After one the socket is of no further use.
core::task<Result<std::optional<SocketAddress>>> read_proxy_header(core::Context& context, Socket& socket,
                                                                   TimePoint deadline);

}  // namespace weir::net

// What is left of an HTTP/1 connection after 101: what was read of it already,
// and its socket.
#pragma once

#include "weir/http/byte_stream.h"
#include "weir/net/socket.h"

namespace weir::http::internal {

class UpgradedStream final : public ByteStream {
 public:
  // `unread`: bytes that came behind the head. Both outlive it.
  void begin(net::Socket& socket, std::span<const std::byte> unread) {
    socket_ = &socket;
    unread_ = unread;
  }
  bool begun() const { return socket_ != nullptr; }
  // The peer has said that it sends no more.
  bool ended() const { return ended_; }
  bool aborted() const { return aborted_; }

  core::task<Result<std::size_t>> read(core::Context& context, std::span<std::byte> buffer,
                                       TimePoint deadline) override;
  core::task<Result<>> write(core::Context& context, std::span<const net::ConstBuffer> buffers,
                             TimePoint deadline) override;
  void shutdown_write() override { socket_->shutdown_write(); }
  void abort() override;

 private:
  net::Socket* socket_ = nullptr;
  std::span<const std::byte> unread_;
  bool ended_ = false;
  bool aborted_ = false;
};

}  // namespace weir::http::internal

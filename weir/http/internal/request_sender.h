// A request on its way out: the head, then the body, as far as the kernel
// takes them. What is sent and what is not is kept here, so that sending can
// stop at any wait and go on later.
//
// It belongs to one connection. One task at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/http/body.h"
#include "weir/http/message.h"
#include "weir/net/socket.h"

namespace weir::http::internal {

// Errors: invalid (malformed at "request": a method or target that would not
// stay within its line), unsupported (CONNECT).
Result<> check_request(const RequestHead& request);

// Fields that frame a message, which are the sender's alone.
bool is_framing(std::string_view name);
// Whether a request of this method says so when it has no content (RFC 9110
// section 8.6).
bool expects_content(std::string_view method);

// What is to be sent. All of it outlives the sending.
struct Outgoing {
  const RequestHead& head;
  std::string_view authority;  // for Host, if the head has none
  BodySource* body;            // null: none
  // The body's first piece, taken from it already, so that a request with a
  // small body is one write. Empty: it has no bytes.
  std::span<const std::byte> first_piece;
};

class RequestSender {
 public:
  // Begins a request: the head is written down and sent, with the first piece
  // of the body, as far as that needs no wait. What is wrong with the socket
  // is kept, see socket_error(): the response may have come before.
  // Errors: internal (the body is not as long as it announced).
  Result<> begin(const Outgoing& request, net::Socket& socket);

  // Goes on until all is sent, the socket takes no more for good, or something
  // has arrived on it: a response, perhaps, that has no use for the rest.
  // Errors: those of the body; deadline, cancelled.
  // Cancellation: nothing is lost, call it again.
  core::task<Result<>> send_rest(core::Context& context, net::Socket& socket);

  // All is sent.
  bool done() const { return stage_ == Stage::done; }
  // There is more, and the socket takes it.
  bool under_way() const { return stage_ == Stage::sending; }
  // No more, whatever is left: the request stays without its end.
  void stop();

  const std::optional<Error>& socket_error() const { return socket_error_; }

  // Gives back the memory of an unusually large head.
  void trim();

 private:
  enum class Stage : std::uint8_t { done, sending, stopped };

  // The head, the line before a chunk, a piece, what follows it.
  static constexpr std::size_t kPartsMax = 4;

  void write_head(const Outgoing& request);
  bool wants_piece() const { return body_ != nullptr && !piece_pending_; }
  // Lines the piece up; empty: the body's end.
  Result<> add_piece(std::span<const std::byte> piece);
  void add_part(std::string_view part) { add_part(std::as_bytes(std::span(part))); }
  void add_part(net::ConstBuffer part);
  void end_body();
  enum class Flushed : std::uint8_t {
    all,       // of what was lined up; or there will never be more
    some,      // a burst; the socket may take another
    as_taken,  // it takes no more now
  };
  Flushed flush(net::Socket& socket);
  void give_up(const Error& error);

  Stage stage_ = Stage::done;
  std::string head_;
  std::string chunk_line_;
  std::string trailer_;
  BodySource* body_ = nullptr;  // null once it has been read to its end
  std::optional<std::uint64_t> length_;
  std::uint64_t taken_ = 0;     // bytes of the body, from its source
  bool piece_pending_ = false;  // a view of the source's buffer is lined up
  std::array<net::ConstBuffer, kPartsMax> parts_;
  std::size_t parts_begin_ = 0;
  std::size_t parts_end_ = 0;
  std::size_t burst_ = 0;  // bytes sent since the other direction was looked at
  std::optional<Error> socket_error_;
};

}  // namespace weir::http::internal

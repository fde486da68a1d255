// The client's side of HTTP/2 (RFC 9113) without its connection: bytes in, bytes
// out, and between them the streams. Frames and HPACK are nghttp2's; limits, and
// what a stream makes of the frames, are ours.
//
//   session.open(stream, request);
//   session.produce(out, 64 << 10);      // to the socket
//   session.feed(bytes);                 // from the socket: streams change
//
// Not thread-safe: its connection's lock guards it and all its streams. Nothing
// here waits.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "weir/base/intrusive_list.h"
#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/http/internal/h2_client_stream.h"
#include "weir/http/internal/request_sender.h"
#include "weir/http/parser.h"

struct nghttp2_session;

namespace weir::http::internal {

// Why a stream is given up.
enum class H2Drop : std::uint8_t {
  cancelled,   // nobody wants the response any more
  not_needed,  // the response is whole, and the rest of the request is of no use
};

// What the servers of one client have said; relaxed: they order nothing.
struct H2ClientCounts {
  std::atomic<std::uint64_t> resets{0};  // streams
  std::atomic<std::uint64_t> goaways{0};
};

class H2ClientSession {
 public:
  struct Limits {
    Parser::Limits response;
    std::uint32_t interim_max;
    Bytes stream_window;  // what a stream may send before it is read
    Bytes connection_window;
    bool secure;                       // for :scheme
    H2ClientCounts* counts = nullptr;  // null: nobody wants to know
  };

  explicit H2ClientSession(const Limits& limits);
  ~H2ClientSession();
  H2ClientSession(const H2ClientSession&) = delete;
  H2ClientSession& operator=(const H2ClientSession&) = delete;

  // Errors, after which the connection is of no use: invalid (malformed).
  Result<> feed(std::span<const std::byte> bytes);
  // Appends what is to be sent, until there are `most` bytes or a few more.
  // Errors: as feed().
  Result<> produce(std::vector<std::byte>& out, std::size_t most);

  // Begins the request with the first piece of its body, if it has one. The
  // stream stays where it is until drop(). Errors: overloaded (the connection
  // has no more stream numbers).
  Result<> open(H2ClientStream& stream, const Outgoing& request, std::optional<std::uint64_t> length);
  // The next piece of the request's body, which stays until `taken`.
  void offer(H2ClientStream& stream, std::span<const std::byte> piece, bool ends);
  // So many bytes of `incoming` were used: the server may send as many more.
  void consumed(H2ClientStream& stream, std::size_t bytes);
  // Ends the use of a stream, which is reset unless both sides are done.
  void drop(H2ClientStream& stream, H2Drop why);
  // What still waits for an answer fails so.
  void fail_all(const Error& error);

  void ping();
  // Tells the server that this side is done.
  void go_away();

  // How many the server allows at once.
  std::uint32_t streams_allowed() const;
  // False: the server has said that it takes no more, or the numbers are used up.
  bool takes_streams() const;
  // nullopt: it goes on. Otherwise why not.
  std::optional<Error> end() const;

 private:
  struct Callbacks;

  Result<> check(std::int64_t outcome) const;
  void on_head(H2ClientStream& stream, bool ends);
  void reset(H2ClientStream& stream, std::uint32_t code);
  // Frames that cost work and bring nothing: how many more are borne.
  bool charge_idle_frame();

  const Limits limits_;
  nghttp2_session* session_ = nullptr;
  IntrusiveList<H2ClientStream> streams_;
  bool going_away_ = false;        // the server takes no new streams
  bool faulted_ = false;           // it broke the protocol, and was told
  std::uint32_t idle_frames_ = 0;  // since the last that brought something
};

}  // namespace weir::http::internal

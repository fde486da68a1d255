// HTTP/2 for the scripts of a BadUpstream, frame by frame: what a server may
// send, and what none should. Only the compression of fields is a library's.
//
//   BadUpstream upstream([](BadUpstream::Peer& peer) {
//     H2Peer h2(peer);
//     const auto request = h2.read_request();
//     h2.headers(request->id, {{":status", "200"}});
//     h2.reset_stream(request->id, H2Peer::kRefusedStream);
//     h2.linger();
//   });
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/integration/bad_upstream.h"

struct nghttp2_hd_deflater;
struct nghttp2_hd_inflater;

namespace weir::testing {

using H2Fields = std::vector<std::pair<std::string, std::string>>;

struct H2Frame {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  std::string payload;
};

// A request as far as it has come.
struct H2Request {
  std::uint32_t id = 0;
  H2Fields fields;
  std::string body;
  H2Fields trailers;
  bool complete = false;
  std::optional<std::uint32_t> reset;  // the client gave it up, with this code

  std::string field(std::string_view name) const;
};

class H2Peer {
 public:
  enum Type : std::uint8_t {
    kData,
    kHeaders,
    kPriority,
    kReset,
    kSettings,
    kPush,
    kPing,
    kGoaway,
    kWindow,
    kContinuation
  };
  static constexpr std::uint8_t kEndStream = 1;
  static constexpr std::uint8_t kAck = 1;
  static constexpr std::uint8_t kEndHeaders = 4;
  static constexpr std::uint32_t kProtocolError = 1;
  static constexpr std::uint32_t kRefusedStream = 7;
  static constexpr std::uint32_t kCancel = 8;
  static constexpr std::uint16_t kMaxStreams = 3;
  static constexpr std::uint16_t kInitialWindow = 4;

  using Settings = std::vector<std::pair<std::uint16_t, std::uint32_t>>;

  // Reads the client's preface and says hello.
  explicit H2Peer(BadUpstream::Peer& peer, const Settings& settings = {});
  ~H2Peer();
  H2Peer(const H2Peer&) = delete;
  H2Peer& operator=(const H2Peer&) = delete;

  // The next frame, whatever it is; nullopt: the client has gone.
  std::optional<H2Frame> read_frame();
  // Reads on until a request is complete, answering settings and pings, and
  // giving the client's body as much window as it uses where `generous`.
  std::optional<H2Request> read_request();
  // Reads one frame; the request that it was for, one without a number where it
  // was for the connection, null where the client has gone.
  H2Request* read_some();
  // Reads until the client has gone.
  void linger();
  void set_generous(bool generous) { generous_ = generous; }
  H2Request& request(std::uint32_t id) { return requests_[id]; }
  std::size_t pings_answered() const { return pings_answered_; }

  bool frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload);
  bool headers(std::uint32_t stream, const H2Fields& fields, bool ends = false);
  bool data(std::uint32_t stream, std::string_view bytes, bool ends = false);
  bool respond(std::uint32_t stream, std::string_view body, const H2Fields& fields = {});
  bool reset_stream(std::uint32_t stream, std::uint32_t code);
  bool go_away(std::uint32_t last_stream, std::uint32_t code = 0);
  bool settings(const Settings& settings);
  bool ping();
  bool window(std::uint32_t stream, std::uint32_t more);
  std::string compress(const H2Fields& fields);

 private:
  H2Fields inflate(std::string_view block);

  BadUpstream::Peer& peer_;
  nghttp2_hd_deflater* deflater_ = nullptr;
  nghttp2_hd_inflater* inflater_ = nullptr;
  bool generous_ = true;
  std::size_t pings_answered_ = 0;
  std::map<std::uint32_t, H2Request> requests_;
  H2Request connection_;  // stands for none
};

// Answers each request with this body; the script of a good server.
BadUpstream::Script h2_serve(std::string body, H2Fields fields = {});

}  // namespace weir::testing

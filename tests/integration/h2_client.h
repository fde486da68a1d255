// A client of HTTP/2 frames: sends what it is told, well-formed or not, and
// reads what comes into replies by stream. It opens windows only as told.
//
//   H2Client client(server.address());
//   client.send_head(1, get_fields("/a"), kEndStream);
//   EXPECT_EQ(client.read_reply(1).status, "200");
//
// No operation takes longer than its bound, 20 s. One thread calls it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/integration/raw_client.h"

struct nghttp2_hd_inflater;

namespace weir::testing {

using H2FieldList = std::vector<std::pair<std::string, std::string>>;

// RFC 9113 section 6.
enum H2Type : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kReset = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};
inline constexpr std::uint8_t kAck = 1;
inline constexpr std::uint8_t kEndStream = 1;
inline constexpr std::uint8_t kEndHeaders = 4;
// RFC 9113 section 7.
inline constexpr std::uint32_t kProtocolError = 1;
inline constexpr std::uint32_t kStreamClosed = 5;
inline constexpr std::uint32_t kRefusedStream = 7;
inline constexpr std::uint32_t kCancel = 8;
inline constexpr std::uint32_t kEnhanceYourCalm = 11;

struct H2Reply {
  std::string status;  // the last head's
  H2FieldList fields;
  H2FieldList trailers;
  std::string body;
  int heads = 0;  // 1xx among them
  bool complete = false;
  std::optional<std::uint32_t> reset;  // its code

  std::optional<std::string> field(std::string_view name) const;
};

std::string h2_frame(H2Type type, std::uint8_t flags, std::uint32_t stream, std::string_view payload);
std::string h2_number(std::uint32_t number);
// A header block that refers to no table.
std::string h2_block(const H2FieldList& fields);
H2FieldList h2_get(std::string_view path, H2FieldList more = {});

class H2Client {
 public:
  // Connects and sends the preface and SETTINGS. `window`: of each stream.
  explicit H2Client(const net::SocketAddress& address, std::uint32_t window = 65'535);
  ~H2Client();
  H2Client(const H2Client&) = delete;
  H2Client& operator=(const H2Client&) = delete;

  // False: the other side takes no more.
  bool send(std::string_view bytes) { return client_.send(bytes); }
  bool send_frame(H2Type type, std::uint8_t flags, std::uint32_t stream, std::string_view payload);
  bool send_head(std::uint32_t stream, const H2FieldList& fields, std::uint8_t flags);
  bool send_window(std::uint32_t stream, std::uint32_t bytes);

  // Reads until it is so; false: the connection ended before.
  bool read_until(const std::function<bool()>& so);
  // The whole reply, or as far as it came.
  const H2Reply& read_reply(std::uint32_t stream);
  const H2Reply& reply(std::uint32_t stream) { return replies_[stream]; }
  // Sends a PING and reads up to its acknowledgement: what was sent before has been dealt with.
  bool round_trip();
  // The code of the GOAWAY that ends the connection; nullopt: it ended without.
  std::optional<std::uint32_t> read_to_end();

  const std::vector<std::uint32_t>& go_aways() const { return go_aways_; }  // their last streams
  std::uint64_t window_updates(std::uint32_t stream) const;                 // in all, in bytes
  // Whether PING and SETTINGS are.
  void acknowledge(bool yes) { acknowledges_ = yes; }
  RawClient& raw() { return client_; }

 private:
  bool read_frame();
  void on_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload);
  void on_head(H2Reply& reply, std::string_view block);

  RawClient client_;
  nghttp2_hd_inflater* inflater_ = nullptr;
  std::string block_;  // of a head whose frames have not all come
  bool ends_ = false;  // the stream, with it
  std::map<std::uint32_t, H2Reply> replies_;
  std::map<std::uint32_t, std::uint64_t> window_updates_;
  std::vector<std::uint32_t> go_aways_;
  std::optional<std::uint32_t> end_code_;
  int pings_acknowledged_ = 0;
  bool acknowledges_ = true;
};

}  // namespace weir::testing

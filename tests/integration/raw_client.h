// A client of bytes: a blocking socket that sends what it is told and reads one
// reply, or everything. Its reading of HTTP is its own and knows only what a
// right server sends.
//
//   RawClient client(gateway.address());
//   client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
//   Reply reply = client.read_reply();
//   EXPECT_EQ(reply.status, 200);
//
// No operation takes longer than its bound, 20 s. One thread calls it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/clock.h"
#include "weir/net/address.h"

namespace weir::testing {

// How the other side's stream stands.
enum class Ending : std::uint8_t {
  open,       // it goes on
  closed,     // in good order
  reset,      // by the other side
  timed_out,  // nothing came for as long as the bound
};

struct Reply {
  int status = 0;         // 0: no whole head has come
  std::string head;       // with its empty line
  std::string body;       // without its framing; as far as it came
  bool complete = false;  // the body came to its announced end
  Ending ending = Ending::open;

  // The first field of that name, whatever its case; nullopt: there is none.
  std::optional<std::string> field(std::string_view name) const;
  // All of that name.
  std::vector<std::string> fields(std::string_view name) const;
};

class RawClient {
 public:
  // Connects. CHECKs that it can, unless made by try_connect().
  explicit RawClient(const net::SocketAddress& address);
  ~RawClient();
  RawClient(RawClient&& other) noexcept;
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // nullopt: the connection was refused.
  static std::optional<RawClient> try_connect(const net::SocketAddress& address);

  // False: the other side takes no more.
  bool send(std::string_view bytes);

  // The next reply, to a request with `method`.
  Reply read_reply(std::string_view method = "GET");
  // The next reply's head alone.
  Reply read_head();
  // send() and read_reply().
  Reply ask(std::string_view request, std::string_view method = "GET");

  // So many bytes of what comes; fewer when the stream ends.
  std::string read_bytes(std::size_t count);
  // What comes until the stream ends, and how it ended.
  std::string read_to_end();
  Ending ending() const { return ending_; }

  // No more is sent; reading goes on.
  void shut_write();
  // Closes so that the other side sees a reset.
  void reset();
  void close();

 private:
  explicit RawClient(int fd) : fd_(fd) {}

  // False at the end of the stream, however it came.
  bool read_more();
  bool read_until(std::string_view mark);
  bool read_chunked(std::string& body);
  std::string take(std::size_t count);

  int fd_ = -1;
  Ending ending_ = Ending::open;
  std::string unread_;
};

// "GET <target> HTTP/1.1" with Host, `fields` (each with its CR LF) and no body.
std::string get(std::string_view target, std::string_view fields = {});
// The same for POST with a body and its Content-Length.
std::string post(std::string_view target, std::string_view body, std::string_view fields = {});
// `body` in chunks of at most so many bytes.
std::string chunked(std::string_view body, std::size_t chunk_bytes);

// A whole exchange on a connection of its own.
Reply ask_once(const net::SocketAddress& address, std::string_view request, std::string_view method = "GET");

}  // namespace weir::testing

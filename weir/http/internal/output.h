// The writing side of a connection: text that is held until a write takes it
// along, so that a head and its body, or the replies to pipelined requests,
// share a system call.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/http/file_piece.h"
#include "weir/http/internal/shard.h"
#include "weir/http/sending.h"
#include "weir/net/socket.h"

namespace weir::http::internal {

class Output {
 public:
  // How slowly a peer may take what it is sent: no byte for `patience` is too slow, and
  // so is all that it was waited for in excess of that and of what its bytes take at
  // `bytes_per_s_min`; 0: any progress will do.
  struct Pace {
    Duration patience;
    std::uint64_t bytes_per_s_min = 0;
  };

  Output(net::Socket& socket, Shard& shard, Pace pace) : socket_(socket), shard_(shard), pace_(pace) {}
  ~Output() { release(); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // To append to.
  std::string& held();
  bool empty() const { return held_.empty(); }

  // Writes what is held, then the two. The spans live until it is awaited.
  // Errors: disconnected (reset, closed, timed_out), cancelled. After one,
  // broken() and nothing more is sent.
  Sending send(net::ConstBuffer first = {}, net::ConstBuffer second = {});

  // Writes what is held, then the file's bytes. Errors: as send(); internal (closed: the
  // file is shorter).
  core::task<Result<>> send_file(FilePiece piece);

  bool broken() const { return broken_; }
  // From now on as after an error.
  void give_up() { broken_ = true; }

  // Gives the memory back when nothing is held.
  void release();

 private:
  using Parts = std::array<net::ConstBuffer, 3>;

  core::task<Result<>> send_rest(Parts parts);
  // A moment at which the peer takes more.
  core::task<Result<>> room();
  // Takes off what went out, and counts it. True: that was all.
  bool advance(Parts& parts, std::size_t bytes);

  net::Socket& socket_;
  Shard& shard_;
  const Pace pace_;
  Duration waited_ = {};     // in all
  std::uint64_t taken_ = 0;  // bytes
  std::string held_;
  bool broken_ = false;
  bool peer_takes_ = false;
};

}  // namespace weir::http::internal

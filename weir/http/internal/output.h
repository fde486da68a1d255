// The writing side of a connection: text that is held until a write takes it
// along, so that a head and its body, or the replies to pipelined requests,
// share a system call.
#pragma once

#include <array>
#include <cstddef>
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
  // `progress_timeout`: a peer that takes no byte for so long is given up.
  Output(net::Socket& socket, Shard& shard, Duration progress_timeout)
      : socket_(socket), shard_(shard), progress_timeout_(progress_timeout) {}
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
  // Takes off what went out. True: that was all.
  bool advance(Parts& parts, std::size_t bytes);

  net::Socket& socket_;
  Shard& shard_;
  const Duration progress_timeout_;
  std::string held_;
  bool broken_ = false;
};

}  // namespace weir::http::internal

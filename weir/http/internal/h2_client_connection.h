// An HTTP/2 connection that the requests of many tasks share.
//
// It has no task of its own. Of the tasks that wait for something of their
// streams one reads for all, under `reading_`, until its own has come; then the
// next that waits takes over. So a lone request costs no more switches than over
// HTTP/1, nothing is left running where nobody waits, and what is read no faster
// than it is used is what the windows say. Whoever has something to send writes
// it, with what others have lined up meanwhile; what the kernel does not take is
// the reader's to send.
//
// Callable by any task, on any processor. The lock is held for as long as a few
// frames take, and never over a wait or a system call. Whoever has a stream
// keeps the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/mutex.h"
#include "weir/core/scope.h"
#include "weir/core/task.h"
#include "weir/http/internal/h2_client_session.h"
#include "weir/http/internal/h2_client_stream.h"
#include "weir/net/socket.h"

namespace weir::http::internal {

class H2ClientConnection {
 public:
  struct Options {
    H2ClientSession::Limits session;
    std::uint32_t streams_max = 0;
    // While requests wait and nothing has come for so long, the server is asked
    // whether it is there, and has so long to answer.
    Duration ping_after = {};
    Duration ping_timeout = {};
  };
  // As a request finds it.
  enum class State : std::uint8_t {
    usable,
    leaving,  // the server takes no more on it, or it is too old; what is in flight goes on
    failed,
  };

  H2ClientConnection(net::Socket socket, const Options& options);
  // Says goodbye as far as that needs no wait.
  ~H2ClientConnection();
  H2ClientConnection(const H2ClientConnection&) = delete;
  H2ClientConnection& operator=(const H2ClientConnection&) = delete;

  // Room for a request, which release() gives back. False: there is none now.
  bool reserve();
  void release();
  // No new requests from here on.
  void retire();
  State state() const;
  std::uint32_t streams() const;
  TimePoint opened() const { return opened_; }
  TimePoint idle_since() const;
  unsigned processor() const { return processor_; }
  // Takes notice of what has come while no request waited.
  void look();

  // Begins a request. Errors: overloaded; those that the connection failed with.
  Result<> open(H2ClientStream& stream, const Outgoing& request, std::optional<std::uint64_t> length);
  void offer(H2ClientStream& stream, std::span<const std::byte> piece, bool ends);
  void consumed(H2ClientStream& stream, std::size_t bytes);
  void drop(H2ClientStream& stream, H2Drop why);

  // Until `stream.changed` is set; its owner resets it. Errors: deadline,
  // cancelled. Cancellation: nothing is lost.
  core::task<Result<>> wait_changed(core::Context& context, H2ClientStream& stream);

  // For looking at a stream, or a change that needs no frame.
  std::unique_lock<std::mutex> lock() const { return std::unique_lock(lock_); }

 private:
  core::task<Result<>> read_for_all(core::Context& context, H2ClientStream& stream);
  core::task<Result<>> wait_readable(core::Context& context, TimePoint until);
  core::task<void> write_rest(core::Scope& scope);
  // False: nothing has come.
  bool read_some();
  bool read_into(std::byte* buffer);
  TimePoint next_check() const;
  void check_peer();
  // Sends what there is, until the kernel takes no more.
  void flush(std::unique_lock<std::mutex>& guard);
  bool line_up();
  void fail(const Error& error);
  void note_end();

  const Options options_;
  const TimePoint opened_;
  const unsigned processor_;
  net::Socket socket_;
  core::Limit writers_{{.name = "HTTP/2 writer", .limit = 1}};

  core::Mutex reading_;  // held by the task that reads

  mutable std::mutex lock_;  // guards all below
  H2ClientSession session_;
  std::uint32_t reserved_ = 0;
  bool retired_ = false;
  std::optional<Error> failure_;
  std::vector<std::byte> out_;  // lined up; whoever writes has it meanwhile
  std::size_t out_sent_ = 0;
  bool writing_ = false;                   // a task is in the system call, and looks again afterwards
  bool blocked_ = false;                   // the kernel takes no more now
  bool sending_ended_ = false;             // the server reads no more
  core::Context* reader_waits_ = nullptr;  // cancelled to make the reader look at `blocked_`
  TimePoint heard_at_;
  std::optional<TimePoint> pinged_at_;
  TimePoint idle_since_;
};

}  // namespace weir::http::internal

// One HTTP/2 connection of a server: a task that reads, one that writes, and one
// for each request whose handler runs.
//
// What was read is fed to the session; the handlers of all requests in it get
// their turn; then what they replied goes out in one write. The writing task
// does the rest: replies that come later, and a client that takes them slowly.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "weir/base/clock.h"
#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/core/task.h"
#include "weir/http/connection_facts.h"
#include "weir/http/internal/connection.h"
#include "weir/http/internal/h2_link.h"
#include "weir/http/internal/h2_session.h"
#include "weir/http/internal/input.h"
#include "weir/net/socket.h"

namespace weir::http::internal {

class H2Connection {
 public:
  // What was read off the socket before it was known to be HTTP/2.
  struct Opening {
    net::SocketAddress client;      // who it is, as a balancer may have said
    std::size_t preface_bytes = 0;  // of the client's preface
    std::string after = {};
  };

  // Until it has ended, and its handlers have. `facts`: as known; the protocol is set.
  static core::task<void> serve(Connection::Service service, net::Socket socket, ConnectionFacts facts,
                                Opening opening);

 private:
  enum class Wrote : std::uint8_t { all, blocked, broken };
  enum class Ending : std::uint8_t { none, announced, refusing };

  H2Connection(Connection::Service service, net::Socket socket, ConnectionFacts facts,
               const net::SocketAddress& client);

  core::task<void> run(core::Scope& scope, Opening opening);
  core::task<void> write_loop();
  void read();
  void feed(std::span<const std::byte> bytes);
  bool start_handlers(core::Scope& scope);
  void flush();
  Wrote write_out();
  core::Descriptor::Readiness input();
  TimePoint next_look(TimePoint now);
  void look_around(TimePoint now);
  void end_in_order(TimePoint now);
  bool is_over();
  void end();
  void give_up();
  core::task<void> close();

  H2Link link_;
  net::Socket socket_;
  core::Context until_drain_;
  Input input_;
  core::Limit writers_;  // of one
  std::string out_;      // of who has taken the output
  std::size_t out_at_ = 0;
  std::uint64_t written_ = 0;  // bytes, in all
  bool client_takes_ = false;  // so the kernel holds as much for it as it does by itself
  const TimePoint began_;
  TimePoint idle_since_ = kNever;  // kNever: it is not idle
  TimePoint next_sweep_ = kNever;  // kNever: nothing to look after
  TimePoint grace_ends_ = kNever;  // of an announced end
  Ending ending_ = Ending::none;
  bool input_ended_ = false;
  bool output_is_mine_ = false;        // the reading task's
  std::atomic<bool> aborted_ = false;  // written by both tasks, read when they have ended
  H2Session session_;
};

}  // namespace weir::http::internal

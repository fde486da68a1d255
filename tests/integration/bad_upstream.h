// An upstream that does what a script tells it, byte by byte: refuses, resets,
// hangs, sends garbage, or answers well. Plain blocking sockets and threads,
// nothing of ours, so that both ends do not share one mistake.
//
//   BadUpstream upstream([](BadUpstream::Peer& peer) {
//     peer.read_head();
//     peer.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
//     peer.reset();
//   });
//   http::Client client(upstream.address(), {});
//
// The script runs once for each connection, on a thread of its own; when it
// returns, the connection is closed. Destroying the upstream ends all of them,
// wherever they wait. For tests: it CHECKs instead of returning errors.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "weir/net/address.h"

namespace weir::testing {

class BadUpstream {
 public:
  // Threads at once: more connections wait to be accepted.
  static constexpr std::size_t kConnectionsMax = 512;

  class Peer;
  using Script = std::function<void(Peer&)>;

  // 127.0.0.1, on a free port.
  explicit BadUpstream(Script script);
  ~BadUpstream();
  BadUpstream(const BadUpstream&) = delete;
  BadUpstream& operator=(const BadUpstream&) = delete;

  const net::SocketAddress& address() const { return address_; }
  // Connections so far.
  std::uint64_t accepted() const { return accepted_.load(); }
  // Returns when so many connections have ended on both sides.
  void wait_ended(std::uint64_t count);

 private:
  struct Connection;

  void accept_all();
  void start(int fd);
  void run(Connection& connection);
  void join_ended();

  const Script script_;
  net::SocketAddress address_;
  const int listener_;
  std::atomic<std::uint64_t> accepted_{0};
  std::mutex lock_;  // guards all below but the acceptor
  std::condition_variable changed_;
  bool stopping_ = false;
  std::uint64_t ended_ = 0;
  std::size_t running_ = 0;
  std::list<Connection> connections_;
  std::thread acceptor_;
};

// The script's side of one connection. What it does after the other side has
// gone is without effect. Used by the script's thread only.
class BadUpstream::Peer {
 public:
  Peer(int fd, std::uint64_t number) : number_(number), fd_(fd) {}

  // 0 for the first connection that was accepted.
  std::uint64_t number() const { return number_; }

  // Up to and with the empty line; empty when the other side has gone. Bytes
  // behind it are kept for the next read.
  std::string read_head();
  // Exactly so many; fewer when the other side has gone.
  std::string read_bytes(std::size_t count);
  // What has come, at least a byte; empty at the end of the stream.
  std::string read_some();
  // Reads until the other side has gone; how much came.
  std::uint64_t wait_gone();

  // False: the other side has gone.
  bool write(std::string_view bytes);
  // One segment for each byte.
  bool write_slowly(std::string_view bytes);
  // Answers every request that has no body with this.
  void serve(std::string_view response);
  // No more is written; reading goes on.
  void shut_write();
  void reset();
  void close();

 private:
  friend class BadUpstream;

  // Ends what the script waits for. Any thread.
  void interrupt();

  const std::uint64_t number_;
  std::string kept_;  // read and not asked for yet
  std::mutex lock_;   // guards closing against interrupt()
  int fd_;            // -1: closed
};

// A port that stays ours and refuses connections.
class RefusingPort {
 public:
  RefusingPort();
  ~RefusingPort();
  RefusingPort(const RefusingPort&) = delete;
  RefusingPort& operator=(const RefusingPort&) = delete;

  const net::SocketAddress& address() const { return address_; }

 private:
  int fd_;
  net::SocketAddress address_;
};

// A port on which connecting neither succeeds nor fails: its queue of
// connections to be accepted is full, and the kernel drops what comes.
class SilentPort {
 public:
  SilentPort();
  ~SilentPort();
  SilentPort(const SilentPort&) = delete;
  SilentPort& operator=(const SilentPort&) = delete;

  const net::SocketAddress& address() const { return address_; }

 private:
  net::SocketAddress address_;
  int fd_;
  std::vector<int> queued_;
};

// How many descriptors this process has open.
std::size_t open_descriptors();

}  // namespace weir::testing

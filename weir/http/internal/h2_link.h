// What the streams of one HTTP/2 connection share with it: the session, its
// lock, and the right to write.
//
// nghttp2's session is for one thread at a time. Whoever calls it, or touches
// what a stream and the session both know, holds the mutex: for moments, and
// never across a suspension. The session's callbacks run under it.
//
// What is to be sent is asked of the session by who has taken the output: the
// connection's reading task after it has fed what it read, or its writing task,
// which want_output() wakes. So replies that come together share a write.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <mutex>

#include "weir/core/context.h"
#include "weir/core/event.h"
#include "weir/http/connection_facts.h"
#include "weir/http/internal/connection.h"
#include "weir/http/internal/h2_fields.h"
#include "weir/net/address.h"

namespace weir::http::internal {

struct H2Link {
  H2Link(const Connection::Service& serves, const net::SocketAddress& from, const ConnectionFacts& known)
      : service(serves), peer(from), facts(known), life(serves.shard.serving) {}

  const Connection::Service service;
  const net::SocketAddress peer;
  const ConnectionFacts facts;
  core::Context life;         // every wait of the connection; cancelled: it is over
  core::Event output_wanted;  // the writing task owns the output

  std::mutex mutex;                    // guards what follows
  nghttp2_session* session = nullptr;  // null: it is over
  H2Fields fields;                     // to submit
  bool output_taken = false;           // somebody will ask the session for all it has
  std::uint64_t bytes_taken = 0;       // of bodies, by the session for the wire
  std::uint32_t handlers = 0;          // that run

  // The mutex is held.
  void want_output() {
    if (output_taken) return;
    output_taken = true;
    output_wanted.set();
  }
  // Only where the session has something to say by itself.
  void want_output_if_any() {
    if (!output_taken && session != nullptr && nghttp2_session_want_write(session) != 0) want_output();
  }
};

}  // namespace weir::http::internal

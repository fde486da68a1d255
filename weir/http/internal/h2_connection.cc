#include "weir/http/internal/h2_connection.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "weir/core/now.h"
#include "weir/core/sleep.h"
#include "weir/http/internal/buffers.h"
#include "weir/http/internal/lingering.h"

namespace weir::http::internal {
namespace {

// What one write takes at most, a frame more or less: some records of TLS.
constexpr std::size_t kWriteBytes = 64 << 10;
// Reads of a full buffer each before the handlers get their turn.
constexpr int kReadsInARowMax = 4;
// How often what takes too long is looked for: four times within the bound, and
// no oftener than costs nothing.
constexpr Duration kSweepMin = 10ms;
constexpr Duration kSweepMax = 5s;

Duration sweep_period(const Server::Options& options) {
  const Duration bound = std::min(options.write_timeout, options.idle_timeout);
  return std::clamp<Duration>(bound / 4, kSweepMin, kSweepMax);
}

ConnectionFacts as_http2(ConnectionFacts facts) {
  facts.protocol = Protocol::http2;
  return facts;
}

}  // namespace

H2Connection::H2Connection(Connection::Service service, net::Socket socket, ConnectionFacts facts,
                           const net::SocketAddress& client)
    : link_(service, client, as_http2(facts)),
      socket_(std::move(socket)),
      until_drain_(service.shard.draining),
      input_(socket_),
      writers_({.name = "http2 writer", .limit = 1}),
      began_(core::now()),
      session_(link_, began_) {}

core::task<void> H2Connection::serve(Connection::Service service, net::Socket socket, ConnectionFacts facts,
                                     Opening opening) {
  H2Connection self(service, std::move(socket), facts, opening.client);
  service.shard.counters.connections_http2.add();
  const auto body = [&self, &opening](core::Scope& scope) { return self.run(scope, std::move(opening)); };
  (void)co_await core::with_scope(self.link_.life, body, core::OnError::run_all);
  co_await self.close();
}

core::task<void> H2Connection::run(core::Scope& scope, Opening opening) {
  Result<core::Permit> writer = writers_.try_acquire();
  if (!writer || !session_.begin()) {
    give_up();
    co_return;
  }
  scope.spawn(std::move(*writer), write_loop());
  feed(std::as_bytes(std::span(NGHTTP2_CLIENT_MAGIC, opening.preface_bytes)));
  feed(std::as_bytes(std::span(opening.after)));
  for (;;) {
    read();
    look_around(core::now());
    if (start_handlers(scope) || input_.may_have_more()) co_await core::yield();
    flush();
    if (input_ended_ || is_over()) break;
    if (input_.may_have_more()) continue;
    if (const Result<> ready = co_await input(); ready) {
      input_.expect_more();
    } else if (ready.error().kind == ErrorKind::deadline) {
      continue;
    } else if (link_.life.cancelled() || ending_ != Ending::none) {
      break;  // the server's context, or the writing task, has ended it
    } else {
      end_in_order(core::now());
    }
  }
  end();
}

// Everything there is, within reason.
void H2Connection::read() {
  for (int i = 0; i < kReadsInARowMax && input_.may_have_more(); ++i) {
    const Result<Input::Got> got = input_.read();
    if (!got || *got == Input::Got::end) {
      // A client that only shuts its sending side is taken for gone, once what
      // can be said at once has been said.
      if (!got) aborted_.store(true, std::memory_order_relaxed);
      input_ended_ = true;
      return;
    }
    if (*got == Input::Got::nothing) return;
    feed(input_.unread());
    input_.consume(input_.unread().size());
  }
}

void H2Connection::feed(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  const TimePoint now = core::now();
  const std::lock_guard guard(link_.mutex);
  if (!session_.wants_input()) return;
  session_.receive(bytes, now);
}

// True: some are to have their turn before anything is written.
bool H2Connection::start_handlers(core::Scope& scope) {
  const std::lock_guard guard(link_.mutex);
  std::vector<H2Session::Ready>& ready = session_.ready();
  if (ready.empty()) return false;
  idle_since_ = kNever;
  if (!link_.output_taken) link_.output_taken = output_is_mine_ = true;
  for (H2Session::Ready& one : ready) {
    if (one.stream->is_open()) {
      scope.spawn(std::move(one.permit), one.stream->run());
    } else {
      one.stream->abandon();
    }
  }
  ready.clear();
  return true;
}

// What there is to be sent, without a wait; what is left over is the writing task's.
void H2Connection::flush() {
  if (!output_is_mine_) {
    const std::lock_guard guard(link_.mutex);
    if (link_.output_taken || link_.session == nullptr || nghttp2_session_want_write(link_.session) == 0)
      return;
    link_.output_taken = true;
  }
  output_is_mine_ = false;
  switch (write_out()) {
    case Wrote::all: break;
    case Wrote::blocked: link_.output_wanted.set(); break;
    case Wrote::broken: give_up(); break;
  }
}

// Called by who has taken the output, which is free again when all is out.
H2Connection::Wrote H2Connection::write_out() {
  for (;;) {
    if (out_at_ == out_.size()) {
      out_.clear();
      out_at_ = 0;
      if (out_.capacity() <= std::string().capacity()) out_ = take_text();
      const std::lock_guard guard(link_.mutex);
      if (!session_.gather(out_, kWriteBytes)) return Wrote::broken;
      if (out_.empty()) {
        if (session_.is_idle()) give_back(std::exchange(out_, {}));
        link_.output_taken = false;
        return Wrote::all;
      }
    }
    link_.service.shard.counters.writes.add();
    const auto moved = socket_.try_write(std::as_bytes(std::span(out_)).subspan(out_at_));
    if (!moved) return Wrote::broken;
    if (!*moved) return Wrote::blocked;
    out_at_ += **moved;
    written_ += **moved;
  }
}

core::task<void> H2Connection::write_loop() {
  const Duration patience = link_.service.options.write_timeout;
  while (co_await link_.output_wanted.wait(link_.life)) {
    link_.output_wanted.reset();
    co_await core::yield();  // others that are about to reply share the write
    Wrote wrote = write_out();
    while (wrote == Wrote::blocked) {
      const Result<> ready = co_await socket_.writable(link_.life, saturating_add(core::now(), patience));
      if (ready && written_ >= net::Socket::kTakesFrom && !std::exchange(client_takes_, true))
        socket_.hold_more();
      wrote = ready ? write_out() : Wrote::broken;
    }
    if (wrote == Wrote::broken) {
      give_up();
      co_return;
    }
    if (is_over()) {
      end();
      co_return;
    }
  }
}

bool H2Connection::is_over() {
  const std::lock_guard guard(link_.mutex);
  return session_.is_over();
}

// Nothing of it goes on waiting. Any of its tasks.
void H2Connection::end() {
  {
    const std::lock_guard guard(link_.mutex);
    session_.end();
  }
  link_.life.cancel();
  until_drain_.cancel();
}

void H2Connection::give_up() {
  aborted_.store(true, std::memory_order_relaxed);
  end();
}

core::Descriptor::Readiness H2Connection::input() {
  input_.release();
  const TimePoint now = core::now();
  return socket_.readable(ending_ == Ending::none ? until_drain_ : link_.life, next_look(now));
}

// When to look around though nothing has arrived.
TimePoint H2Connection::next_look(TimePoint now) {
  const Server::Options& options = link_.service.options;
  const std::lock_guard guard(link_.mutex);
  TimePoint next = std::min(session_.head_deadline(), grace_ends_);
  if (ending_ == Ending::none && options.http2.connection_age_max > Duration{}) {
    next = std::min(next, saturating_add(began_, options.http2.connection_age_max));
  }
  if (session_.is_idle()) {
    if (idle_since_ == kNever) idle_since_ = now;
    const Duration patience = session_.requests() == 0 ? options.header_timeout : options.idle_timeout;
    next_sweep_ = kNever;
    return std::min(next, saturating_add(idle_since_, patience));
  }
  idle_since_ = kNever;
  if (next_sweep_ == kNever) next_sweep_ = saturating_add(now, sweep_period(options));
  return std::min(next, next_sweep_);
}

void H2Connection::look_around(TimePoint now) {
  const Server::Options& options = link_.service.options;
  bool ends = false;
  {
    const std::lock_guard guard(link_.mutex);
    if (link_.session == nullptr) return;
    if (now >= std::min(next_sweep_, session_.head_deadline())) {
      next_sweep_ = kNever;
      session_.sweep(now);
    }
    const Duration patience = session_.requests() == 0 ? options.header_timeout : options.idle_timeout;
    if (idle_since_ != kNever && session_.is_idle() && now - idle_since_ >= patience) {
      link_.service.shard.counters.connections_idle_closed.add();
      session_.terminate(Refusal::none, NGHTTP2_NO_ERROR);
    }
    const bool aged =
        options.http2.connection_age_max > Duration{} && now - began_ >= options.http2.connection_age_max;
    ends = aged || session_.requests() >= options.requests_per_connection_max;
    if (ending_ == Ending::announced && (session_.round_trip_done() || now >= grace_ends_)) {
      ending_ = Ending::refusing;
      grace_ends_ = kNever;
      session_.refuse_further();
    }
  }
  if (ends) end_in_order(now);
}

// The first GOAWAY still takes what the client has sent before it knew; the
// second, a round trip later, does not (RFC 9113 section 6.8).
void H2Connection::end_in_order(TimePoint now) {
  if (ending_ != Ending::none) return;
  ending_ = Ending::announced;
  grace_ends_ = saturating_add(now, link_.service.options.linger_timeout);
  const std::lock_guard guard(link_.mutex);
  session_.announce_end();
}

core::task<void> H2Connection::close() {
  if (aborted_.load(std::memory_order_relaxed)) {
    socket_.abort();
    co_return;
  }
  co_await linger(link_.service, socket_, input_);
}

}  // namespace weir::http::internal

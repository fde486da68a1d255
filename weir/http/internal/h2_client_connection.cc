#include "weir/http/internal/h2_client_connection.h"

#include <algorithm>
#include <utility>

#include "weir/base/check.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/select.h"
#include "weir/http/internal/buffers.h"

namespace weir::http::internal {
namespace {

// So much is lined up for one system call.
constexpr std::size_t kWriteMax = 64 << 10;
// What of it a connection keeps when there is nothing to send.
constexpr std::size_t kWriteKept = 16 << 10;
// Of what has come while no request waited; more is a server that floods.
constexpr int kLooksMax = 16;

Error ended_by(const Error& why) {
  Error error = why;
  if (error.kind == ErrorKind::deadline) error.reason = Reason::timed_out;
  error.where = "response";
  return error;
}

}  // namespace

H2ClientConnection::H2ClientConnection(net::Socket socket, const Options& options)
    : options_(options),
      opened_(core::now()),
      processor_(core::Runtime::current_processor()),
      socket_(std::move(socket)),
      session_(options.session),
      heard_at_(opened_),
      idle_since_(opened_) {}

H2ClientConnection::~H2ClientConnection() {
  WEIR_CHECK(reserved_ == 0, "a connection is kept by its requests");
  if (failure_) return;
  session_.go_away();
  std::unique_lock guard(lock_);
  flush(guard);
}

bool H2ClientConnection::reserve() {
  const std::lock_guard guard(lock_);
  if (failure_ || retired_ || !session_.takes_streams()) return false;
  if (reserved_ >= std::min(options_.streams_max, session_.streams_allowed())) return false;
  ++reserved_;
  return true;
}

void H2ClientConnection::release() {
  const std::lock_guard guard(lock_);
  if (--reserved_ == 0) idle_since_ = core::now();
}

void H2ClientConnection::retire() {
  const std::lock_guard guard(lock_);
  retired_ = true;
}

H2ClientConnection::State H2ClientConnection::state() const {
  const std::lock_guard guard(lock_);
  if (failure_) return State::failed;
  return retired_ || !session_.takes_streams() ? State::leaving : State::usable;
}

std::uint32_t H2ClientConnection::streams() const {
  const std::lock_guard guard(lock_);
  return reserved_;
}

TimePoint H2ClientConnection::idle_since() const {
  const std::lock_guard guard(lock_);
  return idle_since_;
}

void H2ClientConnection::look() {
  const std::optional<core::Mutex::Guard> reading = reading_.try_lock();
  if (!reading) return;  // somebody reads
  for (int i = 0; i < kLooksMax && read_some(); ++i) {
  }
}

Result<> H2ClientConnection::open(H2ClientStream& stream, const Outgoing& request,
                                  std::optional<std::uint64_t> length) {
  std::unique_lock guard(lock_);
  if (failure_) return std::unexpected(*failure_);
  if (Result<> opened = session_.open(stream, request, length); !opened) return opened;
  flush(guard);
  return {};
}

void H2ClientConnection::offer(H2ClientStream& stream, std::span<const std::byte> piece, bool ends) {
  std::unique_lock guard(lock_);
  if (stream.closed) return;
  session_.offer(stream, piece, ends);
  flush(guard);
}

void H2ClientConnection::consumed(H2ClientStream& stream, std::size_t bytes) {
  std::unique_lock guard(lock_);
  session_.consumed(stream, bytes);
  flush(guard);
}

void H2ClientConnection::drop(H2ClientStream& stream, H2Drop why) {
  std::unique_lock guard(lock_);
  session_.drop(stream, why);
  flush(guard);
}

core::task<Result<>> H2ClientConnection::wait_changed(core::Context& context, H2ClientStream& stream) {
  auto chosen = co_await core::select(context, stream.changed.on_set(), reading_.on_lock());
  if (!chosen) co_return std::unexpected(ended_by(chosen.error()));
  Result<core::Mutex::Guard>* const reading = std::get_if<1>(&*chosen);
  if (reading == nullptr) co_return std::get<0>(*chosen);
  if (!*reading) co_return std::unexpected(reading->error());
  co_return co_await read_for_all(context, stream);
}

core::task<Result<>> H2ClientConnection::read_for_all(core::Context& context, H2ClientStream& stream) {
  while (!stream.changed.is_set()) {
    // Where the server never makes us wait, nobody else would look.
    if (Result<> going = context.check(core::now()); !going)
      co_return std::unexpected(ended_by(going.error()));
    if (read_some()) continue;
    const Result<> ready = co_await wait_readable(context, next_check());
    if (ready || context.check(core::now()).has_value()) {
      // It may have been only that there is something to send.
      if (!ready && ready.error().kind == ErrorKind::deadline) check_peer();
      continue;
    }
    co_return std::unexpected(ended_by(ready.error()));
  }
  co_return Result<>();
}

bool H2ClientConnection::read_some() {
  ReadBuffer buffer = take_read_buffer();
  const bool more = read_into(buffer.get());
  give_back(std::move(buffer));
  return more;
}

bool H2ClientConnection::read_into(std::byte* buffer) {
  const auto read = socket_.try_read({buffer, kReadBytes});
  std::unique_lock guard(lock_);
  if (failure_) return false;
  if (!read) {
    fail(read.error());
    return false;
  }
  if (!*read) return false;
  if (**read == 0) {
    fail({.kind = ErrorKind::disconnected, .reason = Reason::closed, .where = "HTTP/2 connection"});
    return false;
  }
  heard_at_ = core::now();
  pinged_at_.reset();
  const Result<> fed = session_.feed({buffer, **read});
  flush(guard);  // also why it failed
  if (!fed && !failure_) fail(fed.error());
  return !failure_;
}

core::task<Result<>> H2ClientConnection::wait_readable(core::Context& context, TimePoint until) {
  core::Context own(context);
  bool blocked = false;
  {
    const std::lock_guard guard(lock_);
    if (failure_) co_return Result<>();
    blocked = blocked_;
    if (!blocked) reader_waits_ = &own;
  }
  Result<> ready;
  if (!blocked) {
    ready = co_await socket_.readable(own, until);
  } else {
    (void)co_await core::with_scope(own, [&](core::Scope& scope) -> core::task<> {
      Result<core::Permit> permit = writers_.try_acquire();
      WEIR_CHECK(permit, "one task writes for all");
      scope.spawn(std::move(*permit), write_rest(scope));
      ready = co_await socket_.readable(scope.context(), until);
      const std::lock_guard guard(lock_);
      reader_waits_ = nullptr;
      scope.cancel();
    });
  }
  const std::lock_guard guard(lock_);
  reader_waits_ = nullptr;
  co_return ready;
}

core::task<void> H2ClientConnection::write_rest(core::Scope& scope) {
  for (;;) {
    if (!co_await socket_.writable(scope.context())) co_return;
    std::unique_lock guard(lock_);
    blocked_ = false;
    flush(guard);
    if (blocked_) continue;
    // The reader has to be told again, should the kernel be full again.
    if (!scope.context().cancelled()) reader_waits_ = &scope.context();
    co_return;
  }
}

TimePoint H2ClientConnection::next_check() const {
  const std::lock_guard guard(lock_);
  if (pinged_at_) return saturating_add(*pinged_at_, options_.ping_timeout);
  return saturating_add(heard_at_, options_.ping_after);
}

void H2ClientConnection::check_peer() {
  std::unique_lock guard(lock_);
  if (failure_) return;
  if (pinged_at_) {
    fail({.kind = ErrorKind::disconnected, .reason = Reason::timed_out, .where = "HTTP/2 connection"});
    return;
  }
  pinged_at_ = core::now();
  session_.ping();
  flush(guard);
}

void H2ClientConnection::flush(std::unique_lock<std::mutex>& guard) {
  if (writing_ || blocked_ || sending_ended_ || failure_) return;
  writing_ = true;
  while (line_up()) {
    const std::span<const std::byte> rest = std::span(out_).subspan(out_sent_);
    guard.unlock();
    const auto sent = socket_.try_write(rest);
    guard.lock();
    if (!sent) {
      // What the server said before it left may still be read.
      sending_ended_ = true;
      if (sent.error().kind != ErrorKind::disconnected) fail(sent.error());
      break;
    }
    if (!*sent) {
      blocked_ = true;
      if (core::Context* const reader = std::exchange(reader_waits_, nullptr)) reader->cancel();
      break;
    }
    out_sent_ += **sent;
  }
  writing_ = false;
  note_end();
}

bool H2ClientConnection::line_up() {
  if (out_sent_ < out_.size()) return true;
  if (failure_) return false;  // of another task, while this one wrote
  out_.clear();
  out_sent_ = 0;
  const Result<> produced = session_.produce(out_, kWriteMax);
  if (!produced && !failure_) fail(produced.error());
  if (out_.empty() && out_.capacity() > kWriteKept) out_.shrink_to_fit();
  return !out_.empty();
}

void H2ClientConnection::note_end() {
  if (failure_) return;
  if (const std::optional<Error> end = session_.end()) fail(*end);
}

void H2ClientConnection::fail(const Error& error) {
  failure_ = error;
  session_.fail_all(error);
  if (core::Context* const reader = std::exchange(reader_waits_, nullptr)) reader->cancel();
}

}  // namespace weir::http::internal

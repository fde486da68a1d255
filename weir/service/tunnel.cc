#include "weir/service/tunnel.h"

#include <algorithm>
#include <atomic>
#include <memory>

#include "weir/core/now.h"
#include "weir/core/scope.h"

namespace weir::service {
namespace {

// What both directions share. Relaxed: the scope's end orders what is read after it.
struct Shared {
  Duration idle_timeout;
  std::atomic<TimePoint::rep> moved;  // when bytes last went either way
  std::atomic<TunnelEnd> end{TunnelEnd::closed};
  std::atomic<std::uint64_t> from_client{0};
  std::atomic<std::uint64_t> to_client{0};

  void note_moved() { moved.store(core::now().time_since_epoch().count(), std::memory_order_relaxed); }
  TimePoint idle_at() const {
    return saturating_add(TimePoint(TimePoint::duration(moved.load(std::memory_order_relaxed))),
                          idle_timeout);
  }
  // The first to give up says why.
  void give_up(TunnelEnd why) {
    TunnelEnd expected = TunnelEnd::closed;
    end.compare_exchange_strong(expected, why, std::memory_order_relaxed);
  }
};

struct Direction {
  http::ByteStream& from;
  http::ByteStream& to;
  std::atomic<std::uint64_t>& bytes;
};

TunnelEnd why(const Error& error, const core::Context& context) {
  if (context.cancelled()) return TunnelEnd::cut;
  return error.kind == ErrorKind::cancelled || error.kind == ErrorKind::deadline ? TunnelEnd::cut
                                                                                 : TunnelEnd::broken;
}

core::task<void> pump(core::Scope& scope, Shared& shared, Direction direction) {
  core::Context& context = scope.context();
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kTunnelBuffer);
  for (;;) {
    const TimePoint idle_at = shared.idle_at();
    const Result<std::size_t> got =
        co_await direction.from.read(context, {buffer.get(), kTunnelBuffer}, idle_at);
    if (!got) {
      const bool own = got.error().kind == ErrorKind::deadline && idle_at < context.deadline();
      if (own && shared.idle_at() > idle_at) continue;  // the other direction has moved meanwhile
      shared.give_up(own ? TunnelEnd::idle : why(got.error(), context));
      break;
    }
    if (*got == 0) {
      direction.to.shutdown_write();
      co_return;
    }
    shared.note_moved();
    const net::ConstBuffer piece(buffer.get(), *got);
    const TimePoint deadline = saturating_add(core::now(), shared.idle_timeout);
    if (Result<> sent = co_await direction.to.write(context, {&piece, 1}, deadline); !sent) {
      const bool own = sent.error().kind == ErrorKind::deadline && deadline < context.deadline();
      shared.give_up(own ? TunnelEnd::broken : why(sent.error(), context));
      break;
    }
    shared.note_moved();
    direction.bytes.fetch_add(*got, std::memory_order_relaxed);
  }
  scope.cancel();
}

}  // namespace

core::task<TunnelResult> run_tunnel(core::Context& context, core::Permit permit, http::ByteStream& client,
                                    http::ByteStream& upstream, Duration idle_timeout) {
  Shared shared{.idle_timeout = idle_timeout, .moved = 0};
  shared.note_moved();
  const auto both = [&](core::Scope& scope) -> core::task<void> {
    scope.spawn(std::move(permit), pump(scope, shared, {upstream, client, shared.to_client}));
    co_await pump(scope, shared, {client, upstream, shared.from_client});
  };
  (void)co_await core::with_scope(context, both, core::OnError::run_all);
  TunnelResult result{
      .end = shared.end.load(), .from_client = shared.from_client, .to_client = shared.to_client};
  if (result.end != TunnelEnd::closed) {
    client.abort();
    upstream.abort();
  }
  co_return result;
}

}  // namespace weir::service

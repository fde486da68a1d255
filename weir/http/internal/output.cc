#include "weir/http/internal/output.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "weir/core/now.h"
#include "weir/http/internal/buffers.h"
#include "weir/http/internal/pace.h"

namespace weir::http::internal {

std::string& Output::held() {
  if (held_.capacity() <= std::string().capacity()) held_ = take_text();
  return held_;
}

void Output::release() {
  if (held_.empty() && held_.capacity() > std::string().capacity()) give_back(std::exchange(held_, {}));
}

bool Output::advance(Parts& parts, std::size_t bytes) {
  taken_ += bytes;
  for (net::ConstBuffer& part : parts) {
    const std::size_t taken = std::min(bytes, part.size());
    part = part.subspan(taken);
    bytes -= taken;
  }
  return std::ranges::all_of(parts, [](net::ConstBuffer part) { return part.empty(); });
}

Sending Output::send(net::ConstBuffer first, net::ConstBuffer second) {
  if (broken_) return fail(ErrorKind::disconnected, Reason::closed, "reply");
  Parts parts{std::as_bytes(std::span(held_)), first, second};
  if (advance(parts, 0)) return Result<>{};
  shard_.counters.writes.add();
  const bool only_held = first.empty() && second.empty();
  const auto moved = only_held ? socket_.try_write(parts[0]) : socket_.try_writev(parts);
  if (!moved) {
    broken_ = true;
    return std::unexpected(moved.error());
  }
  if (!advance(parts, moved->value_or(0))) return send_rest(parts);
  held_.clear();
  return Result<>{};
}

core::task<Result<>> Output::room() {
  const TimePoint began = core::now();
  Duration patience = pace_.patience;
  if (pace_.bytes_per_s_min > 0) {
    patience = std::min(patience, pace_.patience + earned(taken_, pace_.bytes_per_s_min) - waited_);
  }
  const Result<> ready = co_await socket_.writable(shard_.serving, saturating_add(began, patience));
  waited_ += core::now() - began;
  if (ready) {
    if (taken_ >= net::Socket::kTakesFrom && !std::exchange(peer_takes_, true)) socket_.hold_more();
    co_return ready;
  }
  broken_ = true;
  if (ready.error().kind != ErrorKind::deadline) co_return ready;
  co_return fail(ErrorKind::disconnected, Reason::timed_out, "reply");
}

core::task<Result<>> Output::send_file(FilePiece piece) {
  // The head goes by itself: put together with the file's first bytes it would take
  // another call, too, and large files have a packet to spare.
  if (Result<> sent = co_await send(); !sent) co_return sent;
  while (piece.bytes > 0) {
    shard_.counters.writes.add();
    const auto moved = socket_.try_send_file(piece.fd, piece.at, piece.bytes);
    if (!moved || (*moved && **moved == 0)) {
      broken_ = true;
      if (!moved) co_return std::unexpected(moved.error());
      co_return fail(ErrorKind::internal, Reason::closed, "file");
    }
    if (!*moved) {
      if (Result<> ready = co_await room(); !ready) co_return ready;
      continue;
    }
    taken_ += **moved;
    piece.at += **moved;
    piece.bytes -= **moved;
  }
  co_return {};
}

core::task<Result<>> Output::send_rest(Parts parts) {
  for (;;) {
    if (Result<> ready = co_await room(); !ready) co_return ready;
    shard_.counters.writes.add();
    const auto moved = socket_.try_writev(parts);
    if (!moved) {
      broken_ = true;
      co_return std::unexpected(moved.error());
    }
    if (advance(parts, moved->value_or(0))) break;
  }
  held_.clear();
  co_return Result<>{};
}

}  // namespace weir::http::internal

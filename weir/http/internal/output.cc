#include "weir/http/internal/output.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "weir/core/now.h"
#include "weir/http/internal/buffers.h"

namespace weir::http::internal {

std::string& Output::held() {
  if (held_.capacity() <= std::string().capacity()) held_ = take_text();
  return held_;
}

void Output::release() {
  if (held_.empty() && held_.capacity() > std::string().capacity()) give_back(std::exchange(held_, {}));
}

bool Output::advance(Parts& parts, std::size_t bytes) {
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

core::task<Result<>> Output::send_rest(Parts parts) {
  for (;;) {
    const TimePoint deadline = saturating_add(core::now(), progress_timeout_);
    if (Result<> ready = co_await socket_.writable(shard_.serving, deadline); !ready) {
      broken_ = true;
      const Error& error = ready.error();
      if (error.kind != ErrorKind::deadline) co_return std::unexpected(error);
      co_return fail(ErrorKind::disconnected, Reason::timed_out, "reply");
    }
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

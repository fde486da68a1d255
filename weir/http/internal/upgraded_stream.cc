#include "weir/http/internal/upgraded_stream.h"

#include <algorithm>

namespace weir::http::internal {

core::task<Result<std::size_t>> UpgradedStream::read(core::Context& context, std::span<std::byte> buffer,
                                                     TimePoint deadline) {
  if (aborted_) co_return fail(ErrorKind::disconnected, Reason::closed, "stream");
  if (!unread_.empty()) {
    const std::size_t count = std::min(unread_.size(), buffer.size());
    std::ranges::copy(unread_.first(count), buffer.begin());
    unread_ = unread_.subspan(count);
    co_return count;
  }
  const Result<std::size_t> got = co_await socket_->read(context, buffer, deadline);
  if (got && *got == 0) ended_ = true;
  co_return got;
}

core::task<Result<>> UpgradedStream::write(core::Context& context, std::span<const net::ConstBuffer> buffers,
                                           TimePoint deadline) {
  if (aborted_) co_return fail(ErrorKind::disconnected, Reason::closed, "stream");
  co_return co_await socket_->write_all(context, buffers, deadline);
}

void UpgradedStream::abort() {
  if (aborted_) return;
  aborted_ = true;
  socket_->abort();
}

}  // namespace weir::http::internal

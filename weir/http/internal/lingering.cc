#include "weir/http/internal/lingering.h"

#include <cstdint>

#include "weir/core/now.h"

namespace weir::http::internal {

core::task<void> linger(Connection::Service service, net::Socket& socket, Input& input) {
  socket.shutdown_write();
  const TimePoint deadline = saturating_add(core::now(), service.options.linger_timeout);
  std::uint64_t discarded = 0;
  while (discarded <= service.options.discard_max.count) {
    input.consume(input.unread().size());
    const Result<Input::Got> got = input.read();
    if (!got || *got == Input::Got::end) break;
    discarded += input.unread().size();
    if (*got == Input::Got::bytes) continue;
    input.release();
    if (!co_await socket.readable(service.shard.serving, deadline)) break;
  }
  input.consume(input.unread().size());
}

}  // namespace weir::http::internal

#include "weir/service/port_use.h"

#include <algorithm>

namespace weir::service {

void PortUse::sample(std::uint64_t closed, TimePoint now) {
  const std::lock_guard guard(lock_);
  if (count_ > 0 && now - samples_[(count_ - 1) % kSamples].at < kApart) return;
  samples_[count_ % kSamples] = {.at = now, .closed = closed};
  ++count_;
}

std::uint64_t PortUse::used(std::uint64_t open, std::uint64_t closed, TimePoint now) const {
  const std::lock_guard guard(lock_);
  // The youngest that is old enough: what was closed since then may wait still. Without
  // one that is, all that it ever closed.
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < std::min(count_, kSamples); ++i) {
    if (now - samples_[i].at >= kTimeWait) before = std::max(before, samples_[i].closed);
  }
  return open + (closed - std::min(before, closed));
}

ClientConnections connections_of(const http::Client::Stats& stats) {
  ClientConnections all{.open = stats.pool.idle + stats.pool.in_use + stats.http2.connections, .closed = 0};
  all.closed = stats.connects - std::min(stats.connects, all.open);
  return all;
}

}  // namespace weir::service

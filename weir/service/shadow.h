// Copies of a route's requests for another upstream, whose replies nobody gets: to see
// how something new bears what something old serves.
//
// A copy is made of what the gateway has of a request when that has been answered, so
// that it delays nothing, and is sent in a task of its own under a bound and a rate of
// its own. What is too much is not copied: nothing waits. While the gateway is busy
// none is: copies are the first to go.
//
//   if (shadow.wants(rng)) body.keep(shadow.body_bytes());
//   ...
//   if (auto permit = shadow.begin(busy, core::now())) scope.spawn(std::move(*permit), copy(...));
//
// Any thread. It outlives its permits; the ledger outlives it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "weir/base/rng.h"
#include "weir/bounds/bound.h"
#include "weir/bounds/gcra.h"
#include "weir/bounds/ledger.h"
#include "weir/core/limit.h"
#include "weir/service/route_config.h"

namespace weir::service {

class Shadow {
 public:
  enum class Fate : std::uint8_t {
    good,      // answered below 500
    bad,       // answered otherwise, or not at all
    busy,      // not sent: the gateway is
    at_limit,  // not sent: as many copies are under way as may be
    rate,      // not sent: as many were sent in this time as may be
    body,      // not sent: its body is too large, or did not come whole
  };
  static constexpr std::array kFates{Fate::good,     Fate::bad,  Fate::busy,
                                     Fate::at_limit, Fate::rate, Fate::body};

  // `name`: the route's.
  Shadow(bounds::Ledger& ledger, std::string name, const ShadowConfig& config);

  const std::string& name() const { return name_; }
  // Whether a request is among those that are copied.
  bool wants(Rng& rng) const;
  std::uint64_t body_bytes() const { return body_bytes_.load(std::memory_order_relaxed); }

  // Counts why where there is none.
  std::optional<core::Permit> begin(bool busy, TimePoint now);
  void count(Fate fate) { fates_[static_cast<std::size_t>(fate)].fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t counted(Fate fate) const {
    return fates_[static_cast<std::size_t>(fate)].load(std::memory_order_relaxed);
  }

  // No permit is held.
  bool idle() const { return bound_.in_use() == 0; }

  // As `to` says from now on.
  void apply(const ShadowConfig& to);

  // What its row of the ledger will declare.
  static bounds::Row declared_row(const std::string& name, const ShadowConfig& config);

 private:
  const std::string name_;
  bounds::Bound bound_;
  bounds::Gcra rate_;
  // Relaxed: they order nothing.
  std::atomic<double> share_;
  std::atomic<std::uint64_t> body_bytes_;
  std::array<std::atomic<std::uint64_t>, kFates.size()> fates_{};
};

std::string_view to_string(Shadow::Fate fate);

}  // namespace weir::service

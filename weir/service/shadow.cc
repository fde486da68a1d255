#include "weir/service/shadow.h"

#include <utility>

#include "weir/service/footprint.h"

namespace weir::service {
namespace {

bounds::RateOptions rate_of(const ShadowConfig& config) {
  return {.units = config.per_second, .per = 1s, .burst = config.per_second};
}

}  // namespace

std::string_view to_string(Shadow::Fate fate) {
  switch (fate) {
    case Shadow::Fate::good: return "good";
    case Shadow::Fate::bad: return "bad";
    case Shadow::Fate::busy: return "busy";
    case Shadow::Fate::at_limit: return "at_limit";
    case Shadow::Fate::rate: return "rate";
    case Shadow::Fate::body: return "body";
  }
  return "unknown";
}

bounds::Row Shadow::declared_row(const std::string& name, const ShadowConfig& config) {
  return {.name = "shadow:" + name,
          .limit = config.inflight,
          .each = Bytes{config.body_bytes.count + upstream_request_bytes(UpstreamProtocol::automatic).count}};
}

Shadow::Shadow(bounds::Ledger& ledger, std::string name, const ShadowConfig& config)
    : name_(std::move(name)),
      bound_(ledger, {.name = "shadow:" + name_,
                      .limit = config.inflight,
                      .because = "copies of requests whose replies nobody gets",
                      .each = declared_row(name_, config).each}),
      rate_(rate_of(config)),
      share_(config.share),
      body_bytes_(config.body_bytes.count) {}

bool Shadow::wants(Rng& rng) const {
  const double share = share_.load(std::memory_order_relaxed);
  return share >= 1 || uniform(rng) < share;
}

std::optional<core::Permit> Shadow::begin(bool busy, TimePoint now) {
  if (busy) {
    count(Fate::busy);
    return std::nullopt;
  }
  Result<core::Permit> permit = bound_.try_acquire();
  if (!permit) {
    count(Fate::at_limit);
    return std::nullopt;
  }
  if (!rate_.try_acquire(now)) {
    count(Fate::rate);
    return std::nullopt;
  }
  return std::move(*permit);
}

void Shadow::apply(const ShadowConfig& to) {
  (void)bound_.resize(to.inflight);
  (void)rate_.resize(rate_of(to));
  share_.store(to.share, std::memory_order_relaxed);
  body_bytes_.store(to.body_bytes.count, std::memory_order_relaxed);
}

}  // namespace weir::service

// The targets of one upstream: which of them a request goes to, what it tells of its
// target, and another set of them on a reload.
//
//   Targets targets(config, addresses, processors);
//   const auto set = targets.current();              // for all tries of one request
//   Tried tried;
//   Result<TargetLease> lease = targets.take(set, tried, core::now());
//   if (!lease) co_return std::unexpected(lease.error());
//   auto reply = co_await lease->client().send(ctx, request);
//   targets.tell(*lease, reply ? Target::Verdict::good : Target::Verdict::bad, core::now());
//
// take() prefers targets that were not tried before; where none is well it takes what
// there is, because one that may fail is better than none. A target that a reload takes
// away lets its requests finish, and closes its idle connections at once.
//
// Any thread; the choice takes no lock. It outlives its leases.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/net/dns.h"
#include "weir/net/tls_client_context.h"
#include "weir/resilience/backoff.h"
#include "weir/service/balancer.h"
#include "weir/service/ejection.h"
#include "weir/service/published.h"
#include "weir/service/target.h"
#include "weir/service/target_addresses.h"

namespace weir::service {

// Constant once it is published.
struct TargetSet {
  struct Entry {
    std::shared_ptr<Target> target;
    std::uint32_t inflight = 0;  // 0: no limit of its own
  };
  std::vector<Entry> entries;
  Balancer balancer;  // over the same
  EjectionConfig eject;
  std::optional<HealthConfig> health;
  Duration slow_start{};
  Duration resolve{};       // how often names are looked up again
  ContractConfig contract;  // what a request to any of them is told

  std::vector<Ejection::One> for_ejection() const;
};

// Which targets one request has been sent to. Exact among 64; of more it may take one
// for another, which then is taken when all that is left was tried.
class Tried {
 public:
  // Tries of one request may be made at once (hedges). Relaxed: a hint.
  bool has(std::size_t i) const { return (bits_.load(std::memory_order_relaxed) & bit(i)) != 0; }
  void add(std::size_t i) { bits_.fetch_or(bit(i), std::memory_order_relaxed); }
  bool any() const { return bits_.load(std::memory_order_relaxed) != 0; }

 private:
  static std::uint64_t bit(std::size_t i) { return std::uint64_t{1} << (i % 64); }
  std::atomic<std::uint64_t> bits_{0};
};

// A request's place in one target. Move-only; released by its end.
class [[nodiscard]] TargetLease {
 public:
  TargetLease() = default;
  TargetLease(std::shared_ptr<const TargetSet> set, Target& target)
      : set_(std::move(set)), target_(&target) {}
  TargetLease(TargetLease&& other) noexcept
      : set_(std::move(other.set_)), target_(std::exchange(other.target_, nullptr)) {}
  TargetLease& operator=(TargetLease&& other) noexcept {
    if (this == &other) return *this;
    release();
    set_ = std::move(other.set_);
    target_ = std::exchange(other.target_, nullptr);
    return *this;
  }
  ~TargetLease() { release(); }

  Target& target() const { return *target_; }
  const TargetSet& set() const { return *set_; }

 private:
  void release() {
    if (target_ != nullptr) std::exchange(target_, nullptr)->leave();
    set_.reset();
  }

  std::shared_ptr<const TargetSet> set_;  // keeps the target
  Target* target_ = nullptr;
};

class Targets {
 public:
  // `addresses` has those of all targets of `config`.
  Targets(const UpstreamConfig& config, const TargetAddresses& addresses, unsigned processors);

  std::shared_ptr<const TargetSet> current() const { return set_.get(); }

  // Errors: overloaded (at_limit, where kFull): each has as many inside as it may have.
  Result<TargetLease> take(const std::shared_ptr<const TargetSet>& set, Tried& tried, TimePoint now);
  static constexpr std::string_view kFull = "targets";

  void tell(const TargetLease& lease, Target::Verdict verdict, TimePoint now);

  // As `to` says from now on: by one task at a time. Targets that stay keep what is
  // known of them and their connections, but where how those are kept has changed, and
  // those to addresses that their names have no more.
  void apply(const UpstreamConfig& to, const TargetAddresses& addresses);

  // Reads the files of its TLS again. By who applies. Blocks. Empty: done, or there are none.
  std::string renew_tls();

  // Looks up again where the targets are that are given by name, until `context` ends.
  // One whose name has no address now stays where it was, and is counted.
  core::task<> follow_names(core::Context& context, net::Resolver& resolver);

  // Closes idle connections that are past their time, and compares the targets.
  void sweep(TimePoint now);

 private:
  std::shared_ptr<const TargetSet> make(const UpstreamConfig& config, const TargetAddresses& addresses,
                                        const TargetSet* before);
  std::optional<std::size_t> choose(const TargetSet& set, const Tried& tried, TimePoint now, Rng& rng) const;

  struct alignas(64) Dice {
    explicit Dice(std::uint64_t seed) : rng(seed) {}
    resilience::SharedRng rng;
  };

  std::vector<std::unique_ptr<Dice>> dice_;  // one for each processor
  Ejection ejection_;
  ConnectionsConfig connections_;  // by apply() only
  // One for all targets that have TLS; null: none had yet. What load_config() has
  // looked at is there, unless it went since. By apply() only.
  std::unique_ptr<net::TlsClientContext> tls_;
  Published<TargetSet> set_;
};

}  // namespace weir::service

// One upstream of the gateway: its bound, its targets, and what stands before it
// (resilience::Policy), as the configuration declares it.
//
// Built by main or by a reload; called by tasks, on any processor. The ledger outlives
// it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "weir/admission/dependency_limiter.h"
#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/bounds/bound.h"
#include "weir/bounds/ledger.h"
#include "weir/core/context.h"
#include "weir/core/event.h"
#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/core/task.h"
#include "weir/http/client.h"
#include "weir/resilience/call.h"
#include "weir/service/client_body.h"
#include "weir/service/config.h"
#include "weir/service/deferral.h"
#include "weir/service/forwarding.h"
#include "weir/service/gateway_stats.h"
#include "weir/service/stored_reply.h"
#include "weir/service/targets.h"
#include "weir/testing/faults.h"

namespace weir::service {

class Upstream {
 public:
  // A reply whose body is still to come, and what it holds meanwhile, the connection
  // first to be given back.
  struct Reply {
    TargetLease target;
    core::Permit permit;
    http::ClientResponse response;
  };
  // Whose request it is and how important, for the queue before it and for what the
  // upstream says that it would refuse.
  struct Asker {
    std::uint32_t level = 0;
    std::uint64_t flow = 0;
  };
  struct Parts {
    const std::optional<PriorityConfig>& priority;
    const Forwarding& forwarding;
    bounds::Ledger& ledger;
    testing::FaultPoint& forward_point;
    net::Resolver& resolver;
    unsigned processors;
  };
  using Found = resilience::Policy<StoredPointer>::Found;

  Upstream(const UpstreamConfig& config, const TargetAddresses& addresses, const Parts& parts);
  ~Upstream();
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  // As it was at the start: for what cannot change.
  const UpstreamConfig& config() const { return config_; }
  bounds::Bound& inflight() { return inflight_; }
  RouteStats& stats() { return stats_; }
  const RouteStats& stats() const { return stats_; }
  const Targets& targets() const { return targets_; }
  resilience::DependencyStats policy_stats() const;
  admission::DependencyLimiter::Stats limiter_stats() const { return limiter_.stats(); }
  // Of a cache or a singleflight; empty where there is neither.
  std::optional<resilience::PolicyStats> shared_stats() const;

  // How long a request may take there, tries and waits included.
  Duration timeout() const { return Duration(timeout_.load(std::memory_order_relaxed)); }
  // Null: none is declared.
  std::shared_ptr<const StaticConfig> fallback() const;

  // Sends the request through all that is declared but what is shared among callers.
  // Returns with the head of the reply. Errors: resilience::Policy::call()'s,
  // http::Client::send()'s.
  // `targets`: of targets(), those that are current or were when the request began.
  core::task<Result<Reply>> send(core::Context& context, const http::RequestHead& request, ClientBody& body,
                                 std::shared_ptr<const TargetSet> targets, Asker asker);
  // The body of its reply has not come to its end, and that was the target's doing.
  void broke_off(const Reply& reply);

  // Whether replies are shared: find() may be called.
  bool shares() const { return shared_ != nullptr; }
  // The reply to what has this key: kept, or fetched for all who ask for it now. A
  // reply that is not `whole`, or that another fetched and is not `for_all`, is of no
  // use: send(). `id`: of the request, above 0.
  core::task<Result<Found>> find(core::Context& context, std::string key, http::RequestHead request,
                                 std::uint64_t id, Asker asker);
  // What is kept and young enough to be given where nothing better is to be had.
  std::optional<Found> find_stale(const std::string& key) const;

  // What is promised instead of done; null: nothing is.
  Deferral* deferral() const { return deferral_.get(); }

  // What it does on its own until the context ends or it is retired and what was
  // deferred is done: closes idle connections, compares and checks its targets, looks
  // up their names, fetches what is shared, sends what was deferred. `tasks` has kTasks, the one that runs
  // this included. `self` keeps it.
  static constexpr std::uint32_t kTasks = 5;
  static core::task<> keep(std::shared_ptr<Upstream> self, core::Context& context, core::Limit& tasks);
  // Nothing more comes to it: ends keep().
  void retire() { retired_.set(); }

  // As Targets::renew_tls().
  std::string renew_tls() { return targets_.renew_tls(); }
  // As Gateway::apply().
  void apply(const UpstreamConfig& to, const TargetAddresses& addresses,
             const std::optional<PriorityConfig>& priority);

 private:
  using Policy = resilience::Policy<Reply>;
  using Shared = resilience::Policy<StoredPointer>;

  std::shared_ptr<Policy> policy() const;
  std::shared_ptr<Policy> make_policy(const UpstreamConfig& config);
  std::unique_ptr<Shared> make_shared_policy() const;
  // What is the same for all tries of one request.
  struct Sending {
    const http::RequestHead& request;
    ClientBody* body;  // null: there is none
    std::shared_ptr<const TargetSet> targets;
    Tried tried = {};
    std::atomic<std::uint32_t> tries = 0;  // relaxed: a hedge may count beside a first try
  };
  core::task<Result<Reply>> send_once(core::Context& context, core::Permit& permit, Sending& sending);
  // What a try that began then tells of its target.
  Target::Verdict verdict_of(const Result<http::ClientResponse>& response, const Sending& sending,
                             TimePoint began, TimePoint now) const;
  Duration try_time() const { return Duration(try_time_.load(std::memory_order_relaxed)); }
  core::task<> keep_up(core::Scope& scope, core::Limit& tasks);
  bounds::Bound* declare_checks(const UpstreamConfig& config);
  core::task<Result<StoredPointer>> load(core::Context& context, const http::RequestHead& request,
                                         std::uint64_t id, Asker asker);
  // One try of what was deferred.
  core::task<Result<int>> send_stored(core::Context& context, const StoredRequest& request);
  void apply_bound(const UpstreamConfig& to, const std::optional<PriorityConfig>& priority);

  const UpstreamConfig config_;
  const Forwarding& forwarding_;
  bounds::Ledger& ledger_;
  testing::FaultPoint& forward_point_;
  net::Resolver& resolver_;
  // Relaxed: they order nothing.
  std::atomic<std::uint64_t> body_bytes_max_;  // of a shared reply
  std::atomic<Duration::rep> stale_max_;  // how old a kept one may be given in place of an error; 0: none
  std::atomic<Duration::rep> timeout_;
  std::atomic<Duration::rep> try_time_;
  bounds::Bound inflight_;
  admission::DependencyLimiter limiter_;
  std::unique_ptr<bounds::Bound> hedges_;  // once hedges have been declared
  std::unique_ptr<bounds::Bound> checks_;  // once checks of health have been declared
  std::atomic<bounds::Bound*> checking_;   // the same; release, with the acquire of who checks
  Targets targets_;
  core::Event retired_;
  RouteStats stats_;
  mutable std::mutex mutex_;        // guards the two below, held for a copy
  std::shared_ptr<Policy> policy_;  // replaced as a whole on a reload
  std::shared_ptr<const StaticConfig> fallback_;
  UpstreamConfig applied_;  // by apply() only, as what follows
  std::optional<PriorityConfig> priority_;
  std::unique_ptr<Shared> shared_;  // constant after construction, as what follows
  std::unique_ptr<Deferral> deferral_;
};

}  // namespace weir::service

// One upstream of the gateway: its bound, its connections, and what stands before it
// (resilience::Policy), as the configuration declares it.
//
// Built before the runtime runs; called by tasks, on any processor. The ledger
// outlives it.
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
#include "weir/core/limit.h"
#include "weir/core/task.h"
#include "weir/http/client.h"
#include "weir/resilience/call.h"
#include "weir/service/config.h"
#include "weir/service/deferral.h"
#include "weir/service/forwarding.h"
#include "weir/service/gateway_stats.h"
#include "weir/service/stored_reply.h"
#include "weir/testing/faults.h"

namespace weir::service {

// The client's body, and whether it was the client's side that failed.
class ClientBody final : public http::BodySource {
 public:
  explicit ClientBody(http::BodySource& inner) : inner_(inner) {}

  core::task<Result<std::span<const std::byte>>> next(core::Context& context) override {
    begun_ = true;
    auto piece = co_await inner_.next(context);
    // A wait that was given up, because the call's time is up or the upstream
    // says something meanwhile, is not the client's doing.
    if (!piece && piece.error().kind != ErrorKind::deadline && piece.error().kind != ErrorKind::cancelled) {
      failed_ = true;
    }
    co_return piece;
  }
  std::optional<std::uint64_t> length() const override { return inner_.length(); }
  const http::Headers* trailers() const override { return inner_.trailers(); }

  bool failed() const { return failed_; }
  // Whether anything of it has been asked for.
  bool begun() const { return begun_; }

 private:
  http::BodySource& inner_;
  bool failed_ = false;
  bool begun_ = false;
};

class Upstream {
 public:
  // A reply whose body is still to come, and the permit that it holds meanwhile.
  struct Reply {
    http::ClientResponse response;
    core::Permit permit;
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
    unsigned processors;
  };
  using Found = resilience::Policy<StoredPointer>::Found;

  Upstream(const UpstreamConfig& config, const net::SocketAddress& address, const Parts& parts);
  ~Upstream();
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  // As it was at the start: for what cannot change.
  const UpstreamConfig& config() const { return config_; }
  bounds::Bound& inflight() { return inflight_; }
  RouteStats& stats() { return stats_; }
  const RouteStats& stats() const { return stats_; }
  http::Client::Stats client_stats() const { return client_.stats(); }
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
  core::task<Result<Reply>> send(core::Context& context, const http::RequestHead& request, ClientBody& body,
                                 Asker asker);

  // Whether replies are shared: find() may be called.
  bool shares() const { return shared_ != nullptr; }
  // The reply to what has this key: kept, or fetched for all who ask for it now. A
  // reply that is not `whole`, or that another fetched and is not `for_all`, is of no
  // use: send(). `id`: of the request, above 0.
  core::task<Result<Found>> find(core::Context& context, std::string key, http::RequestHead request,
                                 std::uint64_t id, Asker asker);
  // What is kept and young enough to be given where nothing better is to be had.
  std::optional<Found> find_stale(const std::string& key) const;

  // Until the scope ends: closes idle connections, fetches what is shared.
  static constexpr std::uint32_t kTasks = 3;
  core::task<> keep_swept(core::Context& context) { return client_.keep_swept(context); }
  core::task<> run_shared(core::Context& context);
  core::task<> run_deferral(core::Context& context) { return deferral_->run(context); }

  // What is promised instead of done; null: nothing is.
  Deferral* deferral() const { return deferral_.get(); }

  // As Gateway::apply().
  void apply(const UpstreamConfig& to, const std::optional<PriorityConfig>& priority);

 private:
  using Policy = resilience::Policy<Reply>;
  using Shared = resilience::Policy<StoredPointer>;

  std::shared_ptr<Policy> policy() const;
  std::shared_ptr<Policy> make_policy(const UpstreamConfig& config);
  std::unique_ptr<Shared> make_shared_policy() const;
  core::task<Result<Reply>> send_once(core::Context& context, core::Permit& permit,
                                      const http::RequestHead& request, ClientBody* body);
  core::task<Result<StoredPointer>> load(core::Context& context, const http::RequestHead& request,
                                         std::uint64_t id, Asker asker);
  // One try of what was deferred.
  core::task<Result<int>> send_stored(core::Context& context, const StoredRequest& request);
  void apply_bound(const UpstreamConfig& to, const std::optional<PriorityConfig>& priority);

  const UpstreamConfig& config_;
  const Forwarding& forwarding_;
  bounds::Ledger& ledger_;
  testing::FaultPoint& forward_point_;
  // relaxed: they order nothing.
  std::atomic<std::uint64_t> body_bytes_max_;  // of a shared reply
  std::atomic<Duration::rep> stale_max_;  // how old a kept one may be given in place of an error; 0: none
  std::atomic<Duration::rep> timeout_;
  bounds::Bound inflight_;
  admission::DependencyLimiter limiter_;
  std::unique_ptr<bounds::Bound> hedges_;  // once hedges have been declared
  http::Client client_;
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

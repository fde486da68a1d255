// One url that an upstream is served from: its connections, to one address or to those
// that its name has, and what is known of how it does.
//
// Any thread. It outlives the leases on it, which see to that.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/clock.h"
#include "weir/http/client.h"
#include "weir/net/address.h"
#include "weir/service/config.h"
#include "weir/service/ejection.h"
#include "weir/service/health.h"
#include "weir/service/port_use.h"

namespace weir::service {

class Target {
 public:
  // What a request to it has told of it.
  enum class Verdict : std::uint8_t { good, bad, nothing };
  enum class State : std::uint8_t { up, slow_start, ejected, unhealthy };

  Target(const UpstreamUrl& url, std::vector<net::SocketAddress> addresses,
         const http::Client::Options& options)
      : url_(url),
        name_(url.text()),
        named_(!url.embedded_demo && !net::SocketAddress::parse(url.address.text())),
        client_(std::move(addresses), options) {}

  const UpstreamUrl& url() const { return url_; }
  // As the file writes it: "http://10.0.0.7:9001".
  const std::string& name() const { return name_; }
  // Never in clear text what is meant for TLS, whose files may have gone since they
  // were checked.
  bool can_speak() const { return !url_.tls || client_.options().tls != nullptr; }
  // Whether its host is a name, which may come to stand for other addresses.
  bool is_named() const { return named_; }
  void count_resolved(bool found) {
    (found ? resolved_ : unresolved_).fetch_add(1, std::memory_order_relaxed);
  }
  // How often its name was looked up again, with an address found or without.
  std::uint64_t resolved() const { return resolved_.load(std::memory_order_relaxed); }
  std::uint64_t unresolved() const { return unresolved_.load(std::memory_order_relaxed); }
  // Local ports that connections to it take, an upper bound; of a name with several
  // addresses, together, each of which has as many as there are.
  std::uint64_t ports_used(TimePoint now) const {
    const ClientConnections connections = connections_of(client_.stats());
    return ports_.used(connections.open, connections.closed, now);
  }
  void sample_ports(TimePoint now) { ports_.sample(connections_of(client_.stats()).closed, now); }
  http::Client& client() { return client_; }
  const http::Client& client() const { return client_; }
  OutlierRecord& outliers() { return outliers_; }
  const OutlierRecord& outliers() const { return outliers_; }
  HealthState& health() { return health_; }
  const HealthState& health() const { return health_; }

  // Requests inside it, from being chosen to the end of the reply.
  std::uint32_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }
  // One more; false, and none more: as many as `limit` are inside. 0: no limit.
  bool enter(std::uint32_t limit);
  void leave() { in_flight_.fetch_sub(1, std::memory_order_relaxed); }

  State state(TimePoint now, Duration slow_start) const;
  // What counts of its weight now.
  double share(TimePoint now, Duration slow_start) const;

  void count(Verdict verdict);
  std::uint64_t counted(Verdict verdict) const {
    return verdicts_[static_cast<std::size_t>(verdict)].load(std::memory_order_relaxed);
  }

 private:
  // When it came back, from being left alone or from being unwell.
  TimePoint back_since() const { return std::max(outliers_.until(), health_.healthy_since()); }

  const UpstreamUrl url_;
  const std::string name_;
  const bool named_;
  http::Client client_;
  PortUse ports_;
  OutlierRecord outliers_;
  HealthState health_;
  // Relaxed: they order nothing. Requests on all processors write it, and each reads
  // it of two targets: on a line of its own.
  alignas(64) std::atomic<std::uint32_t> in_flight_{0};
  std::array<std::atomic<std::uint64_t>, 3> verdicts_{};
  std::atomic<std::uint64_t> resolved_{0}, unresolved_{0};
};

std::string_view to_string(Target::State state);

}  // namespace weir::service

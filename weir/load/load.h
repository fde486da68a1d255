// A load run: requests to one server at the instants of a plan, and what became
// of them.
//
//   LoadOptions options{.target = address, .authority = "localhost:8080",
//                       .mix = mix, .plan = Arrivals(profile, Spacing::poisson, 1)};
//   std::expected<LoadResult, std::string> result = co_await run_load(ctx, options, show);
//   if (!result->plan_held()) ...   // nothing can be said
//
// Open loop: a request is sent when it is due, whatever became of those before
// it, and its latency counts from that instant: a server that stalls is charged
// for all that came due meanwhile (no coordinated omission). What would be in
// flight beyond `inflight_max` is counted as not sent; nothing is ever put off.
// Closed loop, to compare with tools that know nothing else: as many requests
// as there are connections, each sent when the one before it has ended.
//
// Over HTTP/1.1 a request in flight takes a connection; they are kept. Over
// HTTP/2 requests share them.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/units.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/load/arrivals.h"
#include "weir/load/load_counts.h"
#include "weir/load/request_mix.h"
#include "weir/net/address.h"
#include "weir/net/tls_client_context.h"

namespace weir::load {

struct LoadOptions {
  net::SocketAddress target;
  std::string authority;  // for Host
  // Null: clear text. `server_name` is whom the target has to be.
  std::shared_ptr<net::TlsClientContext> tls = nullptr;
  std::string server_name = {};
  RequestMix mix;
  std::optional<Arrivals> plan;       // null: closed loop
  Duration length = 10s;              // of a closed loop; a plan has its own
  std::uint32_t connections = 64;     // of a closed loop
  std::uint32_t inflight_max = 4096;  // of an open one
  // Connections that are open before the first request, so that a moment's delay
  // does not become a burst of handshakes. nullopt: as many as requests come due
  // in 10 ms, or a closed loop takes; never more than may be in flight.
  std::optional<std::uint32_t> open_ahead;
  Duration timeout = 10s;  // of a request, from when it was sent
  Duration warm_up{};      // at the beginning, not counted
  Duration timely = 1ms;   // sent so soon after it was due, a request is timely
  Duration interval = 1s;  // of what is told while it runs; at least 10 ms
  std::uint64_t seed = 1;  // of what the mix chooses
  // HTTP/2 from the first byte on: requests share connections, as many on each as
  // the server allows, 100 at most.
  bool http2 = false;
};

// An interval of a run, longer where a very long one would have too many: what ended in it.
struct LoadInterval {
  Duration at{};  // its end, from the start of the run
  Duration span{};
  bool warm_up = false;
  std::uint64_t due = 0;
  std::uint64_t sent = 0;
  std::uint64_t not_sent = 0;
  std::array<std::uint64_t, kLoadClasses> ended{};
  std::uint64_t inflight = 0;
  Duration p50{};  // of all that ended in it
  Duration p90{};
  Duration p99{};
  Duration p999{};
  Duration max{};
  std::vector<std::pair<Duration, std::uint64_t>> buckets;       // of these latencies, to add others to them
  std::vector<std::pair<Duration, std::uint64_t>> good_buckets;  // of good ones alone
  std::vector<std::pair<int, std::uint64_t>> statuses;           // of the replies, and how many had them
  std::vector<std::pair<Reason, std::uint64_t>> reasons;         // why there was none

  // Fills in p50 to buckets.
  void set_latency(const Histogram& latency);
  // Fills in what ended, and all that is told of it.
  void set_ended(const LoadCounts& counts);
};

struct LoadResult {
  explicit LoadResult(std::size_t groups) : counts(groups) {}

  static constexpr Duration::rep kIntervalsMax = 3600;

  TimePoint started{};  // when the first request could be due; meaningless elsewhere and later
  LoadCounts counts;    // after the warm-up
  std::vector<LoadInterval> intervals;
  Duration measured{};           // the time that `counts` is about
  Duration planned{};            // of the run, warm-up included
  std::uint64_t unfinished = 0;  // in flight when the run was interrupted
  std::uint64_t connects = 0;
  double cpu_s = 0;  // that this process took while it measured
  bool interrupted = false;

  // Of what the plan asked for, the share that was sent, and soon enough.
  double timely_share() const;
  // Of what was sent, the share that was sent soon enough: what is left of the
  // above where the bound in flight keeps requests back, which is the server's doing.
  double punctual_share() const;
  // Nothing can be said of a server that was not asked what it should have been.
  static constexpr double kTimelyShareMin = 0.999;
  bool plan_held() const { return timely_share() >= kTimelyShareMin; }
};

// Called at the end of each interval, by a task: it should not block for long.
using ShowLoad = std::function<void(const LoadInterval&)>;

// Error: text, why it does not start: the server cannot be reached, or a number
// is out of range. Cancellation ends the run early; the result tells what was
// measured until then.
core::task<std::expected<LoadResult, std::string>> run_load(core::Context& context, LoadOptions options,
                                                            ShowLoad show);

}  // namespace weir::load

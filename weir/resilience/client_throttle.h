// Throttling on the client's side: what the server would refuse is not sent.
//
//   ClientThrottle throttle({.name = "payments"});
//   Result<> passes = throttle.admit(priority, core::now(), rng);
//   if (!passes) return passes;                            // overloaded: throttled at payments
//   Result<Reply> reply = co_await payments.fetch(ctx, ...);
//   throttle.record(accepted(reply), core::now());         // of what was sent
//   if (reply && reply->shed_below) throttle.learn(*reply->shed_below, core::now());   // threshold.h
//
// Adaptive throttling (Beyer and others, "Site Reliability Engineering", 2016,
// chapter 21): of the window's requests r and those accepted a, each is refused
// here with the probability (r - a / accepted_share) / (r + 1). What is refused
// here counts as a request as well, so that the probability follows the load.
//
// A server that sends back the priority below which it sheds (as DAGOR does:
// Zhou and others, "Overload control for scaling WeChat microservices", 2018) is
// believed while the word is fresh: what is below is not sent, but for a small
// share that keeps the word fresh. The last word counts: of several servers behind
// one name, that of the one that answered last.
//
// Any thread; time and randomness are passed in. No allocation.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <string>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/base/rng.h"
#include "weir/resilience/internal/sliding_window.h"

namespace weir::resilience {

class ClientThrottle {
 public:
  struct Options {
    std::string name;             // appears in refusals and metrics
    double accepted_share = 0.5;  // while more than this share is accepted, all is sent; above 0, at most 1
    double refused_max = 0.9;     // the most that is refused here: the rest tells how the server is; below 1
    Duration window = 30s;        // moves by tenths of it; at least 10 ms
    Duration learned_for = 1s;    // how long the server's word counts at most; 0: it is not listened to
    double probed_share = 0.05;   // of what is below it is sent even so; above 0, at most 1
  };

  // A snapshot; counts since construction.
  struct Stats {
    std::uint64_t window_requests = 0;
    std::uint64_t window_accepted = 0;
    double probability = 0;        // of a refusal, but for what was learned
    std::uint32_t shed_below = 0;  // what the server said; 0: nothing, or not lately
    std::uint64_t admitted = 0;
    std::uint64_t refused = 0;        // by probability
    std::uint64_t refused_below = 0;  // by what was learned
  };

  // WEIR_CHECKs what verify() tells.
  explicit ClientThrottle(Options options);
  ClientThrottle(const ClientThrottle&) = delete;
  ClientThrottle& operator=(const ClientThrottle&) = delete;

  // Error: what is wrong and what would be right.
  static std::expected<void, std::string> verify(const Options& options);
  // The rule itself.
  static double probability(const Options& options, std::uint64_t requests, std::uint64_t accepted);

  // Does not wait. `priority`: greater is more important, in the server's terms.
  // Error: overloaded (throttled).
  Result<> admit(std::uint32_t priority, TimePoint now, Rng& rng);

  // What became of one that was sent: false when the server refused it for
  // overload. What it answered otherwise, it has accepted.
  void record(bool accepted, TimePoint now);
  // The server sheds what is below this (0: nothing), and may be relied on for so
  // long (0: it did not say).
  void learn(std::uint32_t shed_below, TimePoint now, Duration valid_for = {});

  const std::string& name() const { return options_.name; }
  Stats stats(TimePoint now);

 private:
  std::uint32_t learned(TimePoint now) const;

  const Options options_;
  internal::SlidingWindow window_;  // requests, and those accepted
  // What the server said, in the low half, and in the high half until when, in
  // ms. One word, so that none is seen with the other's.
  std::atomic<std::uint64_t> learned_{0};
  // Counters are relaxed: they order nothing.
  std::atomic<std::uint64_t> admitted_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> refused_below_{0};
};

}  // namespace weir::resilience

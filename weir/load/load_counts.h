// What a load run counts, over an interval of it or the whole.
//
// Plain values, for one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "weir/base/histogram.h"
#include "weir/base/result.h"

namespace weir::load {

// How a request ended.
struct LoadOutcome {
  int status = 0;                // of the reply; 0: there was none
  Reason reason = Reason::none;  // why not: refused, reset, closed, timed_out, malformed, system ...
};

enum class LoadClass : std::uint8_t {
  good,     // 2xx and 3xx
  refused,  // 429 and 503: turned away
  failed,   // any other reply, and none
};
inline constexpr std::size_t kLoadClasses = 3;
LoadClass class_of(const LoadOutcome& outcome);
std::string_view to_string(LoadClass of);

// Latencies from the instant at which a request was due, of one kind of request
// or of all.
struct LoadTally {
  std::array<Histogram, kLoadClasses> latency;

  Histogram& of(LoadClass one) { return latency[static_cast<std::size_t>(one)]; }
  const Histogram& of(LoadClass one) const { return latency[static_cast<std::size_t>(one)]; }
  std::uint64_t count(LoadClass one) const { return of(one).count(); }
  std::uint64_t ended() const;
  // Of all, whatever they ended with.
  Histogram whole() const;
  void merge(const LoadTally& other);
  void clear();
};

struct LoadCounts {
  static constexpr std::size_t kStatuses = 1000;
  static constexpr std::size_t kReasons = static_cast<std::size_t>(Reason::system) + 1;

  explicit LoadCounts(std::size_t group_count) : groups(group_count), statuses(kStatuses) {}

  std::uint64_t sent = 0;
  std::uint64_t timely = 0;          // of them, soon enough after they were due
  std::uint64_t not_sent = 0;        // too many were in flight when they were due
  std::uint64_t bytes_received = 0;  // of bodies
  LoadTally all;
  Histogram service;              // from the instant it was sent
  Histogram lag;                  // from due to sent
  std::vector<LoadTally> groups;  // as RequestMix::groups() has them
  std::vector<std::uint64_t> statuses;
  std::array<std::uint64_t, kReasons> reasons{};

  std::uint64_t due() const { return sent + not_sent; }
  void merge(const LoadCounts& other);
  // Keeps the memory.
  void clear();
};

}  // namespace weir::load

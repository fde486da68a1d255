// How important a request is: five classes of criticality, and in each 128
// cohorts, so that a class can be shed by parts of less than one in a hundred.
//
//   const std::uint32_t level = level_of(Criticality::high, cohort_of(hash_key(tenant, seed), hour));
//
// A level is a number below kLevels, and a higher one is more important: what is
// refused is "below" a level. A tenant's cohort is a hash of the tenant and the
// hour: the same on every server and for every request of a user session, so
// that who is shed is shed everywhere and who is not gets through whole chains of
// calls; and another in the next hour, so that it does not always hit the same
// (DAGOR: Zhou and others, "Overload control for scaling WeChat microservices",
// 2018; Cinnamon, Uber, 2023, for tiers x 128 cohorts).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::admission {

enum class Criticality : std::uint8_t {
  sheddable,  // nobody sees it missing: prefetching, probes
  low,        // batch work that is tried again
  normal,     // what says nothing of itself
  high,       // a user waits for it
  critical,   // money, or the service itself: logins, payments, health
};

inline constexpr std::uint32_t kClasses = 5;
inline constexpr std::uint32_t kCohorts = 128;
inline constexpr std::uint32_t kLevels = kClasses * kCohorts;

// "sheddable" to "critical".
std::string_view to_string(Criticality criticality);
std::optional<Criticality> parse_criticality(std::string_view word);

// `cohort`: below kCohorts.
constexpr std::uint32_t level_of(Criticality criticality, std::uint32_t cohort) {
  return static_cast<std::uint32_t>(criticality) * kCohorts + cohort;
}
// The class of a level below kLevels, as an index.
constexpr std::uint32_t class_of(std::uint32_t level) { return level / kCohorts; }

// The level of a request, and another of the same class by another hash of the
// tenant: two tenants who have one in common hardly ever have both.
struct Levels {
  std::uint32_t first = 0;
  std::uint32_t second = 0;
};

// `hour`: hours since any moment that all servers agree on.
constexpr std::uint32_t cohort_of(std::uint64_t tenant_hash, std::uint64_t hour) {
  // SplitMix64's last steps.
  std::uint64_t z = tenant_hash + hour * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return static_cast<std::uint32_t>((z ^ (z >> 31)) % kCohorts);
}

constexpr Levels levels_of(Criticality criticality, std::uint64_t tenant_hash, std::uint64_t hour) {
  return {level_of(criticality, cohort_of(tenant_hash, hour)),
          level_of(criticality, cohort_of(~tenant_hash, hour))};
}

}  // namespace weir::admission

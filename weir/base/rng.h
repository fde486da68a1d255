// Randomness behind an interface, so that everything random can be replayed
// from a seed.
//
//   Xoshiro rng(seed);
//   Duration gap = exponential(rng, 10ms);
//
// Not thread-safe: one per owner. Not for secrets.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "weir/base/clock.h"

namespace weir {

class Rng {
 public:
  virtual ~Rng() = default;
  // 64 uniform bits.
  virtual std::uint64_t next() = 0;
};

// The next of a sequence that visits every 64-bit value once (Steele, Lea and
// Flood, "Fast splittable pseudorandom number generators", 2014). For seeds.
constexpr std::uint64_t splitmix64(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// xoshiro256** (Blackman and Vigna, 2018): about a nanosecond a number, period
// 2^256 - 1. Any seed will do.
class Xoshiro final : public Rng {
 public:
  explicit Xoshiro(std::uint64_t seed) {
    for (std::uint64_t& word : state_) word = splitmix64(seed);
  }

  std::uint64_t next() override {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

 private:
  std::array<std::uint64_t, 4> state_;
};

// Uniform below `bound`, which is not 0. Biased by less than bound / 2^64.
inline std::uint64_t below(Rng& rng, std::uint64_t bound) {
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(rng.next()) * bound) >> 64);
}

// Uniform in [0, 1), all 53 bits of it.
inline double uniform(Rng& rng) { return static_cast<double>(rng.next() >> 11) * 0x1p-53; }

// The time to the next event of a Poisson process; capped at 2^63 - 1 ns.
inline Duration exponential(Rng& rng, Duration mean) {
  const double span = -std::log1p(-uniform(rng)) * static_cast<double>(mean.count());
  if (span >= static_cast<double>(std::numeric_limits<Duration::rep>::max())) return Duration::max();
  return Duration(static_cast<Duration::rep>(span));
}

}  // namespace weir

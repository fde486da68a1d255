// A hash of short strings from outside: seeded, so that nobody who chooses keys
// can choose collisions, and a few nanoseconds for 16 bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace weir {

namespace internal {

// Both halves of a 128-bit product, folded: every bit of the result depends on
// every bit of both (the step of Wang Yi's wyhash).
inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline std::uint64_t load(const char* from, std::size_t bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, from, bytes);
  return word;
}

}  // namespace internal

// Any bytes, any length.
inline std::uint64_t hash_key(std::string_view key, std::uint64_t seed) {
  constexpr std::uint64_t kA = 0x9e3779b97f4a7c15;
  constexpr std::uint64_t kB = 0xe7037ed1a0b428db;
  const char* at = key.data();
  std::size_t left = key.size();
  std::uint64_t hash = seed ^ kA;
  for (; left > 16; left -= 16, at += 16)
    hash = internal::fold(internal::load(at, 8) ^ kB, internal::load(at + 8, 8) ^ hash);
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  if (left >= 8) {  // two words, overlapping
    first = internal::load(at, 8);
    last = internal::load(at + left - 8, 8);
  } else if (left >= 4) {
    first = internal::load(at, 4);
    last = internal::load(at + left - 4, 4);
  } else if (left > 0) {
    first = internal::load(at, 1) | internal::load(at + left / 2, 1) << 8 |
            internal::load(at + left - 1, 1) << 16;
  }
  return internal::fold(kB ^ key.size(), internal::fold(first ^ kB, last ^ hash));
}

}  // namespace weir

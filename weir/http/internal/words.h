// Text eight characters at a time, as fields are looked at: in a head of ten fields there
// are five hundred characters.
//
// Pure functions.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace weir::http::internal {

inline constexpr std::uint64_t kEachByte = 0x0101010101010101;
inline constexpr std::uint64_t kHighBits = kEachByte << 7;

template <class Word = std::uint64_t>
Word word_at(const char* text) {
  Word word = 0;
  std::memcpy(&word, text, sizeof word);
  return word;
}

// 'A' to 'Z' become 'a' to 'z'; all else stays.
constexpr std::uint64_t small_letters(std::uint64_t word) {
  const std::uint64_t low = word & ~kHighBits;
  // No byte carries into the next: its highest bit is free.
  const std::uint64_t from_a = low + kEachByte * (0x80 - 'A');
  const std::uint64_t above_z = low + kEachByte * (0x7f - 'Z');
  const std::uint64_t capital = (from_a ^ above_z) & ~word & kHighBits;
  return word | (capital >> 2);
}

// The highest bit of each byte that is none of A to Z, a to z and '-'.
constexpr std::uint64_t other_than_letters(std::uint64_t word) {
  const std::uint64_t small = small_letters(word);
  const std::uint64_t low = small & ~kHighBits;
  const std::uint64_t letters = (low + kEachByte * (0x80 - 'a')) ^ (low + kEachByte * (0x7f - 'z'));
  const std::uint64_t hyphens = ~((low ^ kEachByte * '-') + kEachByte * 0x7f);
  return ~((letters | hyphens) & ~small) & kHighBits;
}

// Of marks in the highest bits: the lowest byte that has one, which is the first character's.
inline std::size_t first_marked(std::uint64_t marks) {
  static_assert(std::endian::native == std::endian::little);
  return static_cast<std::size_t>(std::countr_zero(marks)) / 8;
}

inline bool same_letters(std::uint64_t a, std::uint64_t b) {
  return a == b || small_letters(a) == small_letters(b);
}

// Where letters and '-' end, or a word before the end of the text.
inline std::size_t end_of_letters(std::string_view text, std::size_t at) {
  for (; at + sizeof(std::uint64_t) <= text.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t others = other_than_letters(word_at(text.data() + at));
    if (others != 0) return at + first_marked(others);
  }
  return at;
}

// Where the characters from ' ' to '~' end.
inline std::size_t end_of_text(std::string_view text, std::size_t at) {
  for (; at + sizeof(std::uint64_t) <= text.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t word = word_at(text.data() + at);
    // A byte may be marked for what is below it, but not the first that is marked.
    const std::uint64_t others = ((word - kEachByte * ' ') | (word + kEachByte)) & kHighBits;
    if (others != 0) return at + first_marked(others);
  }
  while (at < text.size() && text[at] >= ' ' && text[at] <= '~') ++at;
  return at;
}

}  // namespace weir::http::internal

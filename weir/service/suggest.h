// "Did you mean ...": the known word nearest to one that is not known.
//
//   nearest("limt", {{"limit", "queue", "because"}})   // "limit"
//
// Pure functions; callable from any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace weir::service {

// Edits that turn `a` into `b`: a character put in, taken out, exchanged, or
// swapped with its neighbour (optimal string alignment). Case counts for nothing. Words
// over 64 characters are not compared: the answer is then the longer length.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate with the fewest edits, the first of several; empty where none is
// near enough to be what was meant: more than a third of its length (at least 1) away.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace weir::service

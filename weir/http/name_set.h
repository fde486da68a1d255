// Some field names, known beforehand, among which names are looked up: nearly none is one
// of them, and its length tells.
//
//   constexpr NameSet kHopByHop("Connection", "Upgrade");
//   if (kHopByHop.contains(field.name)) ...
//
// A constant.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "weir/http/headers.h"

namespace weir::http {

template <std::size_t N>
class NameSet {
 public:
  template <class... Names>
  explicit constexpr NameSet(Names... names) : names_{std::string_view(names)...} {
    for (const std::string_view name : names_) sizes_ |= bit(name.size());
  }

  // Case ignored.
  constexpr bool contains(std::string_view name) const {
    return (sizes_ & bit(name.size())) != 0 && std::ranges::any_of(names_, [name](std::string_view one) {
             return equals_ignoring_case(one, name);
           });
  }

 private:
  // Longer ones share the last.
  static constexpr std::uint64_t bit(std::size_t size) {
    return std::uint64_t{1} << std::min<std::size_t>(size, 63);
  }

  std::array<std::string_view, N> names_;
  std::uint64_t sizes_ = 0;
};

template <class... Names>
NameSet(Names...) -> NameSet<sizeof...(Names)>;

}  // namespace weir::http

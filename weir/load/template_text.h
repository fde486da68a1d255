// Text that differs from request to request: "/items/{{random:1..1000}}?n={{n}}".
//
//   {{n}}              the number of the request, from 0
//   {{random:1..1000}} a whole number, both ends included
//
// A plain value; callable from any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/rng.h"

namespace weir::load {

class TemplateText {
 public:
  TemplateText() = default;
  // Error: text that says what is wrong with which placeholder.
  static std::expected<TemplateText, std::string> parse(std::string_view text);

  // It is the same for every request.
  bool constant() const { return holes_.empty(); }
  void append(std::uint64_t n, Rng& rng, std::string& out) const;
  std::string fill(std::uint64_t n, Rng& rng) const;

 private:
  struct Hole {
    std::size_t at = 0;  // in text_
    bool random = false;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
  };
  static std::expected<Hole, std::string> parse_hole(std::string_view name);

  std::string text_;  // without the placeholders
  std::vector<Hole> holes_;
};

}  // namespace weir::load

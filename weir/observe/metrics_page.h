// A page of metrics as another program wrote it: the Prometheus text format,
// version 0.0.4, read back. The other direction is exposition.h.
//
//   const auto page = parse_metrics(body);
//   for (const Sample& sample : *page) {
//     if (sample.name == "weir_bound_in_use") use(sample.label("bound"), sample.value);
//   }
//
// A function of its argument; callable from any thread.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::observe {

struct Sample {
  std::string name;
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;  // may be infinite or NaN

  // Empty where there is no such label.
  std::string_view label(std::string_view of) const;
};

inline constexpr std::size_t kSamplesMax = 1'000'000;

// In the page's order; comments, types and timestamps are passed over. Error:
// text that names the line.
std::expected<std::vector<Sample>, std::string> parse_metrics(std::string_view page);

}  // namespace weir::observe

#include "weir/load/request_mix.h"

#include <algorithm>

#include "weir/base/check.h"

namespace weir::load {

bool RequestKind::constant() const {
  return target.constant() && body.constant() &&
         std::ranges::all_of(headers, [](const auto& header) { return header.second.constant(); });
}

RequestMix::RequestMix(std::vector<RequestKind> kinds, std::vector<RequestLabel> labels)
    : kinds_(std::move(kinds)), labels_(std::move(labels)), value_weights_(labels_.size()) {
  WEIR_CHECK(!kinds_.empty() && kinds_.size() <= kChoicesMax, "kinds of requests: from 1 to 10,000");
  WEIR_CHECK(labels_.size() <= kLabelsMax, "labels of requests: at most 4");
  for (const RequestKind& kind : kinds_) kind_weights_.add(kind.weight);
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    const auto& values = labels_[i].values;
    WEIR_CHECK(!values.empty() && values.size() <= kChoicesMax, "values of a label: from 1 to 10,000");
    for (const auto& [value, weight] : values) value_weights_[i].add(weight);
  }
}

RequestMix::Pick RequestMix::pick(Rng& rng) const {
  Pick pick{.kind = static_cast<std::uint16_t>(kind_weights_.pick(rng))};
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    pick.values[i] = static_cast<std::uint16_t>(value_weights_[i].pick(rng));
  }
  return pick;
}

std::vector<RequestGroup> RequestMix::groups() const {
  std::vector<RequestGroup> groups;
  if (kinds_.size() > 1) {
    for (const RequestKind& kind : kinds_) groups.push_back({.label = "request", .name = kind.name});
  }
  for (const RequestLabel& label : labels_) {
    for (const auto& [value, weight] : label.values) groups.push_back({.label = label.name, .name = value});
  }
  return groups;
}

}  // namespace weir::load

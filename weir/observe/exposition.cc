#include "weir/observe/exposition.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <limits>

namespace weir::observe {

struct Exposition::Families {
  std::vector<prometheus::MetricFamily> list;

  prometheus::ClientMetric& add(std::string_view name, std::string_view help, prometheus::MetricType type,
                                Labels labels) {
    auto found = std::ranges::find(list, name, &prometheus::MetricFamily::name);
    if (found == list.end()) {
      list.push_back({.name = std::string(name), .help = std::string(help), .type = type, .metric = {}});
      found = std::prev(list.end());
    }
    prometheus::ClientMetric& metric = found->metric.emplace_back();
    for (auto& [label, value] : labels) metric.label.push_back({std::move(label), std::move(value)});
    return metric;
  }
};

Exposition::Exposition() : families_(std::make_unique<Families>()) {}
Exposition::~Exposition() = default;

void Exposition::counter(std::string_view name, std::string_view help, Labels labels, double value) {
  families_->add(name, help, prometheus::MetricType::Counter, std::move(labels)).counter.value = value;
}

void Exposition::gauge(std::string_view name, std::string_view help, Labels labels, double value) {
  families_->add(name, help, prometheus::MetricType::Gauge, std::move(labels)).gauge.value = value;
}

void Exposition::histogram(std::string_view name, std::string_view help, Labels labels,
                           const ShardedHistogram::Snapshot& snapshot) {
  auto& histogram =
      families_->add(name, help, prometheus::MetricType::Histogram, std::move(labels)).histogram;
  std::uint64_t below = 0;
  for (std::size_t bucket = 0; bucket < snapshot.counts.size(); ++bucket) {
    below += snapshot.counts[bucket];
    const double bound = bucket < ShardedHistogram::kBounds.size() ? ShardedHistogram::kBounds[bucket]
                                                                   : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({.cumulative_count = below, .upper_bound = bound});
  }
  histogram.sample_count = below;
  histogram.sample_sum = snapshot.sum_seconds;
}

std::string Exposition::text() const { return prometheus::TextSerializer().Serialize(families_->list); }

}  // namespace weir::observe

#include "weir/load/load_counts.h"

#include <algorithm>

namespace weir::load {

LoadClass class_of(const LoadOutcome& outcome) {
  if (outcome.status >= 200 && outcome.status < 400) return LoadClass::good;
  return outcome.status == 429 || outcome.status == 503 ? LoadClass::refused : LoadClass::failed;
}

std::string_view to_string(LoadClass of) {
  switch (of) {
    case LoadClass::good: return "good";
    case LoadClass::refused: return "refused";
    case LoadClass::failed: return "failed";
  }
  return "unknown";
}

std::uint64_t LoadTally::ended() const {
  std::uint64_t sum = 0;
  for (const Histogram& each : latency) sum += each.count();
  return sum;
}

Histogram LoadTally::whole() const {
  Histogram merged;
  for (const Histogram& each : latency) merged.merge(each);
  return merged;
}

void LoadTally::merge(const LoadTally& other) {
  for (std::size_t i = 0; i < latency.size(); ++i) latency[i].merge(other.latency[i]);
}

void LoadTally::clear() {
  for (Histogram& each : latency) each.clear();
}

void LoadCounts::merge(const LoadCounts& other) {
  sent += other.sent;
  timely += other.timely;
  not_sent += other.not_sent;
  bytes_received += other.bytes_received;
  all.merge(other.all);
  service.merge(other.service);
  lag.merge(other.lag);
  for (std::size_t i = 0; i < groups.size(); ++i) groups[i].merge(other.groups[i]);
  for (std::size_t i = 0; i < statuses.size(); ++i) statuses[i] += other.statuses[i];
  for (std::size_t i = 0; i < reasons.size(); ++i) reasons[i] += other.reasons[i];
}

void LoadCounts::clear() {
  sent = timely = not_sent = bytes_received = 0;
  all.clear();
  service.clear();
  lag.clear();
  for (LoadTally& tally : groups) tally.clear();
  std::ranges::fill(statuses, 0);
  reasons = {};
}

}  // namespace weir::load

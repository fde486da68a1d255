#include "weir/chaos/internal/fault_set.h"

#include <algorithm>
#include <utility>

namespace weir::chaos::internal {
namespace {

// What each fault adds to a plight, where the connection is hit by it.
struct Adding {
  Plight& plight;
  const ActiveFault& active;
  const Struck& struck;

  FaultTally* record() const { return active.record; }

  void operator()(const DelayFault& fault) const {
    for (std::size_t way = 0; way < 2; ++way) {
      if (covers(fault.direction, way)) {
        plight.ways[way].delays.push_back({&fault.delay, active.event, record()});
      }
    }
  }
  void operator()(const BandwidthFault& fault) const {
    const auto rate = static_cast<double>(fault.per_second.count);
    for (std::size_t i = 0; i < 2; ++i) {
      if (!covers(fault.direction, i)) continue;
      Plight::Way& way = plight.ways[i];
      // The narrowest of several is the one that is felt.
      if (way.bytes_per_s == 0 || rate < way.bytes_per_s) {
        way.bytes_per_s = rate;
        way.paced_by = {record()};
      } else if (rate == way.bytes_per_s) {
        way.paced_by.push_back(record());
      }
    }
  }
  void operator()(const ResetFault& fault) const {
    const auto [after_bytes, after_time] = fault.after;
    const bool waits_for_bytes = after_bytes.count > 0;
    const TimePoint at =
        waits_for_bytes && after_time == Duration::zero() ? kNever : saturating_add(struck.since, after_time);
    const std::uint64_t bytes = waits_for_bytes ? struck.bytes + after_bytes.count : UINT64_MAX;
    if (at < plight.reset_at || bytes < plight.reset_bytes) plight.reset = record();
    plight.reset_at = std::min(plight.reset_at, at);
    plight.reset_bytes = std::min(plight.reset_bytes, bytes);
  }
  void operator()(const BlackholeFault& fault) const {
    for (std::size_t way = 0; way < 2; ++way) {
      if (covers(fault.direction, way)) plight.ways[way].blackhole = record();
    }
  }
  void operator()(const HangFault&) const { plight.hang = record(); }
  void operator()(const RefuseFault&) const { plight.refuse = record(); }
  void operator()(const TruncateFault& fault) const {
    const std::uint64_t at = struck.bytes_down + fault.after.count;
    if (at < plight.cut_at) plight.cut = record();
    plight.cut_at = std::min(plight.cut_at, at);
  }
  void operator()(const StatusFault&) const {}
  void operator()(const PartitionFault&) const { plight.partition = record(); }
  // Not of proxies.
  void operator()(const ErrorFault&) const {}
  void operator()(const TasksFault&) const {}
  void operator()(const MemoryFault&) const {}
};

}  // namespace

bool is_of_connections(const Fault& fault, Protocol protocol) {
  if (std::holds_alternative<StatusFault>(fault)) return false;
  if (protocol == Protocol::tcp) return true;
  return !std::holds_alternative<DelayFault>(fault) && !std::holds_alternative<HangFault>(fault) &&
         !std::holds_alternative<TruncateFault>(fault);
}

std::shared_ptr<const Plight> plight_of(std::shared_ptr<const FaultSet> set,
                                        const std::vector<Struck>& struck) {
  auto plight = std::make_shared<Plight>();
  plight->set = std::move(set);
  for (const ActiveFault& active : plight->set->faults) {
    const auto own = std::ranges::find(struck, active.event, &Struck::event);
    if (own == struck.end() || !own->hit) continue;
    std::visit(Adding{*plight, active, *own}, active.said.fault);
  }
  return plight;
}

}  // namespace weir::chaos::internal

#include "weir/service/measured_frames.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "weir/core/task_dump.h"

namespace weir::service {

MeasuredEach MeasuredFrames::look(std::span<const bounds::Row> rows, TimePoint now) {
  {
    const std::lock_guard guard(mutex_);
    if (looked_at_ != TimePoint() && now - looked_at_ < kEvery) return largest_;
    looked_at_ = now;
  }
  // Without the mutex: it waits until all workers stand still, and one that waits for the
  // mutex does not.
  const auto uses = core::frame_use();
  std::vector<std::string> warnings;
  MeasuredEach seen;
  {
    const std::lock_guard guard(mutex_);
    if (!uses) return largest_;  // somebody else lists the tasks
    for (const core::FrameUse& use : *uses) {
      const auto row = std::ranges::find(rows, use.limit, &bounds::Row::name);
      if (row == rows.end()) continue;
      Bytes& largest = largest_[use.limit];
      largest = std::max(largest, use.largest);
      if (row->each.count == 0) continue;
      auto& times = over_[use.limit];  // 0 is told as well
      if (use.largest <= row->each || ++times > 1) continue;
      warnings.push_back(fmt::format("a task under {} takes {} in frames alone, and {} is declared for it",
                                     use.limit, to_string(use.largest), to_string(row->each)));
    }
    const auto gone = [rows](const auto& one) {
      return std::ranges::find(rows, one.first, &bounds::Row::name) == rows.end();
    };
    std::erase_if(largest_, gone);
    std::erase_if(over_, gone);
    seen = largest_;
  }
  for (const std::string& warning : warnings) warn_(warning);
  return seen;
}

void MeasuredFrames::expose(observe::Exposition& page) const {
  const std::lock_guard guard(mutex_);
  for (const auto& [bound, bytes] : largest_) {
    page.gauge("weir_bound_frame_bytes",
               "The most that a task under the bound took in frames, when /debug/bounds was asked for.",
               {{"bound", bound}}, static_cast<double>(bytes.count));
  }
  for (const auto& [bound, times] : over_) {
    page.counter("weir_bound_over_declared_total",
                 "Times a task took more in frames than is declared for it.", {{"bound", bound}},
                 static_cast<double>(times));
  }
}

}  // namespace weir::service

// What tasks really take in coroutines' frames, beside what their bounds declare that one
// may take: looked at when somebody asks, since a look holds all workers still for as
// long as copying a few words of each frame takes.
//
//   MeasuredFrames frames([](std::string_view line) { log(line); });
//   MeasuredEach measured = frames.look(ledger.snapshot(), core::now());
//
// It sees the tasks that were started with a bound's permits; a permit that a task takes
// on its way is in what its task takes. Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "weir/base/clock.h"
#include "weir/bounds/ledger.h"
#include "weir/observe/exposition.h"
#include "weir/service/bounds_page.h"

namespace weir::service {

class MeasuredFrames {
 public:
  // Whoever asks more often gets what was seen last.
  static constexpr Duration kEvery = 1s;

  // `warn`: told of each bound under which a task takes more than is declared, once.
  explicit MeasuredFrames(std::function<void(std::string_view)> warn) : warn_(std::move(warn)) {}

  // The most that one task under each bound was seen to take, now or before.
  MeasuredEach look(std::span<const bounds::Row> rows, TimePoint now);

  // weir_bound_frame_bytes, weir_bound_over_declared_total; of what was seen.
  void expose(observe::Exposition& page) const;

 private:
  const std::function<void(std::string_view)> warn_;
  mutable std::mutex mutex_;
  TimePoint looked_at_ = {};                   // guarded by mutex_, as what follows
  MeasuredEach largest_;                       // of bounds that are in the ledger
  std::map<std::string, std::uint64_t> over_;  // looks that saw more than is declared
};

}  // namespace weir::service

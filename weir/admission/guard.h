// What refuses before anything else is asked, because the process itself is in
// danger: memory or descriptors run out.
//
//   class MemoryGuard final : public Guard { ... watch and call refuse_below(...) ... };
//
// Asking costs one relaxed load. Who watches sets the level from any thread, at
// its own pace.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

#include "weir/base/clock.h"
#include "weir/base/result.h"

namespace weir::admission {

class Guard {
 public:
  // `name`: where a refusal says it was; `reason`: memory_low or descriptors_low.
  Guard(std::string name, Reason reason, Duration retry_after = 1s)
      : name_(std::move(name)), reason_(reason), retry_after_(retry_after) {}
  virtual ~Guard() = default;
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  // Levels (priority.h) below it are refused. 0: none; kLevels: all.
  void refuse_below(std::uint32_t level) { below_.store(level, std::memory_order_relaxed); }
  std::uint32_t below() const { return below_.load(std::memory_order_relaxed); }
  bool refuses(std::uint32_t level) const { return level < below(); }

  const std::string& name() const { return name_; }
  Reason reason() const { return reason_; }
  // What a refusal says; constant.
  Duration retry_after() const { return retry_after_; }

 private:
  const std::string name_;
  const Reason reason_;
  const Duration retry_after_;
  std::atomic<std::uint32_t> below_{0};  // relaxed: it orders nothing
};

}  // namespace weir::admission

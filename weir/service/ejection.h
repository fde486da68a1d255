// Which targets are left alone because they fail while the others do not, out of what
// requests to them have come to: outlier ejection.
//
//   OutlierRecord records[3];
//   Ejection ejection;
//   if (records[1].failed() >= config.consecutive_failures)
//     ejection.eject(config, all, records[1], EjectionCause::consecutive_failures, now);
//   ...
//   ejection.judge(config, all, now);      // from time to time: the ratios
//
// A target is left alone for `time`, doubled each time it happens again; one that has
// been well for as long as it was out has one doubling less. When its time is up it is
// back by itself. At most share_max of the targets are out at once, at least one may
// be, and never all: when everything fails, a breaker is to say so, and which target
// is asked does not matter.
//
// Any thread; recording takes no lock. Time comes from the caller.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <string_view>

#include "weir/base/clock.h"
#include "weir/service/target_config.h"

namespace weir::service {

enum class EjectionCause : std::uint8_t { none, consecutive_failures, failure_ratio };

std::string_view to_string(EjectionCause cause);

// What is known of one target.
class OutlierRecord {
 public:
  // A request to it went well; and one that did not: how many in a row that makes.
  void succeeded();
  std::uint32_t failed();

  bool out(TimePoint now) const { return now < until(); }
  // When it is or was back; TimePoint{}: it was never out.
  TimePoint until() const { return TimePoint(Duration(until_.load(std::memory_order_relaxed))); }
  EjectionCause cause() const { return cause_.load(std::memory_order_relaxed); }  // of the last
  std::uint64_t ejections() const { return ejections_.load(std::memory_order_relaxed); }

 private:
  friend class Ejection;

  // Relaxed, all of them: each tells of itself, and a moment late does no harm.
  std::atomic<std::uint32_t> in_a_row_{0};
  std::atomic<std::uint32_t> calls_{0};  // of this window
  std::atomic<std::uint32_t> failures_{0};
  std::atomic<Duration::rep> until_{0};
  std::atomic<std::uint64_t> ejections_{0};
  std::atomic<EjectionCause> cause_{EjectionCause::none};
  // Guarded by Ejection's lock.
  std::uint32_t doublings_ = 0;  // of its next time
  Duration last_time_{};
};

// Who decides, one for each upstream.
class Ejection {
 public:
  // One of an upstream's targets. `usable`: what else is known of it does not keep it
  // from being used.
  struct One {
    OutlierRecord* record;
    bool usable = true;
  };

  // Leaves `record`, one of `all`, alone from now on; false: as many are out as may be.
  bool eject(const EjectionConfig& config, std::span<const One> all, OutlierRecord& record,
             EjectionCause cause, TimePoint now);

  // Compares the failures of each with those of the others, once in each window; the
  // rest of the calls do nothing.
  void judge(const EjectionConfig& config, std::span<const One> all, TimePoint now);

 private:
  bool has_room(const EjectionConfig& config, std::span<const One> all, const OutlierRecord& record,
                TimePoint now) const;
  bool eject_locked(const EjectionConfig& config, std::span<const One> all, OutlierRecord& record,
                    EjectionCause cause, TimePoint now);

  std::mutex lock_;  // guards what follows and the records' part; held for a look at all
  TimePoint window_began_{};
};

}  // namespace weir::service

// The monitor: one thread beside the workers that sees what they cannot see
// themselves: that a task does not come back, and that the quota has changed.
//
// It looks every 1 to 5 ms while tasks run, and not at all while every processor
// sleeps. Nothing is decided in less than `stuck_after`, so looking more often
// would only cost.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "weir/base/clock.h"
#include "weir/core/stuck.h"

namespace weir::core::internal {

class Processor;
class Scheduler;
struct Seat;

// What a line of WEIR_SCHEDTRACE says.
struct TraceFigures {
  Duration since_start{};
  unsigned processors = 0;
  unsigned idle = 0;
  unsigned threads = 0;
  unsigned spinning = 0;
  unsigned idle_threads = 0;
  std::uint64_t global_queue = 0;
  std::vector<std::uint32_t> queues;
};
// As Go's GODEBUG=schedtrace writes it, without a newline.
std::string trace_line(const TraceFigures& figures);

class Monitor {
 public:
  struct Options {
    Duration stuck_after = {};  // 0: tasks are not watched
    std::function<void(const StuckReport&)> on_stuck;
    Duration trace_every = {};  // 0: no lines
    bool follow_quota = false;
    Duration quota_every = 1s;
    std::string quota_root;
  };

  Monitor(Scheduler& scheduler, Options options);

  // Does nothing when there is nothing to watch. WEIR_CHECKs that there is a
  // thread for it.
  void start();
  void stop();
  // A processor has woken up since all slept. Any thread.
  void wake();

  std::uint64_t stuck() const { return stuck_.load(std::memory_order_relaxed); }
  std::uint64_t stand_ins() const { return stand_ins_.load(std::memory_order_relaxed); }
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  // What the holder of a seat was doing when the monitor first saw it.
  struct Watched {
    Processor* holder = nullptr;
    std::uint32_t step = 0;
    TimePoint since;
    Duration cpu_before{};
  };
  // A task that did not come back, until it does.
  struct Stuck {
    Processor* processor;
    std::uint32_t step;
    TimePoint since;
    Duration report_at;
    unsigned index;  // of the seat it had
    Seat* seat;      // that no other worker serves; null: one does
  };

  void run();
  void sleep(Duration span);
  // True: tasks are running.
  bool look(TimePoint now);
  void watch(Seat& seat, TimePoint now);
  bool starved(const Watched& watched, Duration span) const;
  void attend(TimePoint now);
  void take_seat(Stuck& stuck);
  void report(const Stuck& stuck, TimePoint now);
  void print(const StuckReport& report, TimePoint now);
  void follow_quota(TimePoint now);
  void trace(TimePoint now);
  TraceFigures figures(TimePoint now) const;

  Scheduler& scheduler_;
  const Options options_;

  // The monitor's thread only.
  TimePoint start_;
  std::vector<Watched> watched_;  // by seat
  std::vector<Stuck> stuck_now_;
  TimePoint quota_at_;
  TimePoint trace_at_;
  TimePoint print_at_;
  std::uint64_t not_printed_ = 0;

  // Counters; relaxed: they order nothing.
  std::atomic<std::uint64_t> stuck_{0};
  std::atomic<std::uint64_t> stand_ins_{0};
  std::atomic<std::uint64_t> refused_{0};

  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;     // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace weir::core::internal

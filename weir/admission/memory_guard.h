// Refuses by class as memory runs short, before the kernel kills.
//
//   MemoryGuard guard({});
//   scope.spawn(std::move(permit), guard.run(scope.context()));
//   ...
//   if (guard.refuses(level)) return fail(ErrorKind::overloaded, guard.reason(), guard.name());
//
// Looks every 100 ms, and answers in between by one load (guard.h). What it looks
// at, of which each may be missing:
//   - what the control groups on the way to this process use of their limits, v2
//     (memory.current, memory.max, memory.high) or v1 (memory.usage_in_bytes,
//     memory.limit_in_bytes), and of these the fullest. File pages that were not
//     used lately (inactive_file of memory.stat) count as free: the kernel takes
//     them back before it kills;
//   - what is resident of this process, against `limit` where one is declared;
//   - without either, what the machine has left (/proc/meminfo);
//   - how long tasks stood still for want of memory (pressure stall information,
//     `some avg10`): of the group, else of the machine.
//
// The least important level is refused from 80% on, those up to the critical class
// at even steps above, and the critical class from 97%; each is admitted again
// some percent lower. Stalls alone never refuse what is critical.
//
// Files are held open, so that looking needs no descriptor, and are read in some
// tens of microseconds.
//
// refuses() and stats(): any thread. sample() and run(): one task at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <string>

#include "weir/admission/guard.h"
#include "weir/base/clock.h"
#include "weir/base/units.h"
#include "weir/core/context.h"
#include "weir/core/task.h"

namespace weir::admission {

class MemoryGuard final : public Guard {
 public:
  struct Options {
    std::string name = "memory";     // appears in refusals and metrics
    double from = 0.80;              // of what there is: from here on something is refused
    double all_from = 0.97;          // and from here on all; above `from`, at most 1
    double hysteresis = 0.03;        // so much lower it is admitted again
    double stalled_from = 0.20;      // the same of the time that tasks stood still
    double stalled_all_from = 0.60;  // and all but the critical; above `stalled_from`
    bool stalls = true;              // whether they count
    Bytes limit = {};                // of this process' resident memory; 0: none is declared
    Duration every = 100ms;          // above 0
    Duration retry_after = 1s;       // what a refusal says
    std::string root = "/";          // what stands before proc and sys: for tests
  };

  // As the last look found it.
  struct Stats {
    std::uint64_t samples = 0;
    std::uint32_t below = 0;   // the levels that are refused
    Bytes used;                // of the fullest
    Bytes limit;               // of the same; 0: nothing says
    double stalled_share = 0;  // of the last 10 s; 0: nothing says
    std::uint64_t raised = 0;  // times that more was refused than before
    double used_share() const {
      return limit.count == 0 ? 0 : static_cast<double>(used.count) / static_cast<double>(limit.count);
    }
  };

  // Finds and opens the files. WEIR_CHECKs what verify() tells.
  explicit MemoryGuard(Options options);
  ~MemoryGuard() override;

  // Error: what is wrong and what would be right.
  static std::expected<void, std::string> verify(const Options& options);

  // Looks, and refuses by what it finds. Does not wait.
  void sample();
  // The same every so often, until it is cancelled.
  core::task<> run(core::Context& context);

  // Other numbers from the next look on. WEIR_CHECKs them as verify() does.
  struct Numbers {
    double from = 0.80;
    double all_from = 0.97;
    Bytes limit = {};
  };
  void adjust(const Numbers& to);

  // As it was made.
  const Options& options() const { return options_; }
  Stats stats() const;

 private:
  struct Sources;

  const Options options_;
  std::unique_ptr<Sources> sources_;
  std::mutex adjusting_;
  Numbers numbers_;  // guarded by adjusting_
  // What each refused at the last look; of sample() alone.
  std::uint32_t below_by_use_ = 0;
  std::uint32_t below_by_stalls_ = 0;

  // What stats() tells; relaxed, they order nothing.
  std::atomic<std::uint64_t> samples_{0};
  std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint64_t> limit_{0};
  std::atomic<double> stalled_{0};
  std::atomic<std::uint64_t> raised_{0};
};

}  // namespace weir::admission

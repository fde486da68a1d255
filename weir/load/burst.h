// The burst: far more jobs a second than a machine can do, each with memory to
// touch and time to wait, submitted open loop; once as every job its own task,
// once through a bounded pool, once through a pool whose limit is found while it
// runs and whose queue is bounded in time.
//
//   BurstOptions options{.memory_cap = half};
//   Result<BurstResult> pool = co_await run_burst(ctx, BurstMode::pool, options, show);
//
// A job allocates `bytes`, writes one byte in each 4,096, waits, frees. Its time
// is counted inside the job (memory and waiting), and from the instant at which
// its submission was due to its end.
//
// By a task of a runtime that does nothing else; the generator is a task on the
// same processors as the jobs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <expected>
#include <functional>
#include <string>

#include "weir/base/clock.h"
#include "weir/base/units.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/load/job_memory.h"

namespace weir::load {

enum class BurstMode : std::uint8_t { naive, pool, adaptive };

std::string_view to_string(BurstMode mode);

struct BurstOptions {
  std::uint64_t rate_per_s = 1'000'000;      // submissions asked for
  Duration length = 30s;                     // of the schedule; what was admitted is finished after it
  MemorySource memory = MemorySource::slab;  // where it comes from
  Bytes bytes{500'000};                      // allocated by each job
  Duration wait = 20ms;                      // waited by each job
  std::uint32_t workers_min = 100;           // of the pool
  std::uint32_t workers_max = 5'000;         // of both pools: what the adaptive limit never exceeds
  std::uint32_t queue_capacity = 100'000;    // of the pool; the adaptive one's never exceeds it
  Duration objective = 50ms;                 // of the adaptive pool: from submission to completion
  Bytes memory_cap{};                        // what the run may take; no default: memory_available() says
  const Clock* clock = nullptr;              // the runtime's; null: the system's
  Duration drain_max = 1min;                 // how long the end of the pool's queue is awaited
};

// What a run looks like while it runs.
struct BurstProgress {
  BurstMode mode = BurstMode::naive;
  Duration elapsed{};
  std::uint64_t submitted = 0;
  std::uint64_t completed = 0;
  std::uint64_t rejected = 0;
  std::uint64_t tasks = 0;  // jobs in progress; of the naive run: started and not ended
  std::uint64_t queued = 0;
  Bytes rss{};
  Duration lag{};  // how late the generator is
};

struct BurstResult {
  BurstMode mode = BurstMode::naive;
  double offered_per_s = 0;  // submissions made, by the time they took
  std::uint64_t submitted = 0;
  std::uint64_t completed = 0;
  std::uint64_t rejected = 0;
  std::uint64_t unfinished = 0;  // admitted, and dropped or cut short by the end
  Duration job_mean{};           // inside the job
  Duration job_p99{};
  Duration total_mean{};  // from the instant the submission was due to the job's end
  Duration total_p50{};
  Duration total_p99{};
  Bytes rss_base{};  // resident before the run
  Bytes rss_peak{};
  Bytes memory_bound{};  // declared: what was resident before, the run's own, the ledger's worst case
  // What the jobs that were completed held, by Little's law: completions a second
  // x the least time in a job x its bytes. No way of scheduling them takes less.
  Bytes memory_floor{};
  std::uint64_t tasks_peak = 0;
  std::uint64_t expired = 0;    // of those rejected: had waited too long when their turn came, or to be taken
  std::uint32_t limit_min = 0;  // of the adaptive limit, while it ran
  std::uint32_t limit_max = 0;
  std::uint32_t limit_last = 0;
  std::uint32_t queue_last = 0;  // jobs that might wait, at the end
  Duration delay_max{};          // that its limiter saw
  Duration lag_p99{};            // of the generator, at its steps
  Duration lag_max{};
  bool rate_held = false;  // at least 99% of the rate, for as long as the schedule ran
  bool stopped_by_cap = false;
  bool interrupted = false;
  Duration length{};  // from the first submission to the last job's end

  bool within_bound() const { return rss_peak <= memory_bound; }
  // How near the prediction is to what was measured at full load: 1 to 2 is right,
  // less is more memory than was declared.
  double declared_to_peak() const {
    return static_cast<double>(memory_bound.count) /
           static_cast<double>(std::max<std::uint64_t>(rss_peak.count, 1));
  }
};

// Called about once a second, by a task: it should not block for long.
using ShowBurst = std::function<void(const BurstProgress&)>;

// Error: text, why it does not start: the pool's worst case is over the memory
// cap, or a number is out of range. Cancellation ends the run early; the result
// tells what was measured until then.
core::task<std::expected<BurstResult, std::string>> run_burst(core::Context& context, BurstMode mode,
                                                              BurstOptions options, ShowBurst show);

}  // namespace weir::load

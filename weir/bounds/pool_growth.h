// When a pool grows, by how much and how fast: the rule, without the pool, so
// that it runs under any clock.
//
// When: the queue is fuller than `threshold` of its capacity, at most once a
// `cooldown`.
//
// By how much: by as many workers as would run the backlog down within
// `drain_within` at the mean run time of the latest jobs. At least it doubles,
// because a queue that passed its threshold says that this mean is out of date
// (jobs that hang do not end); at most it adds one for each queued job, and
// never goes beyond `workers_max`. While no job has ended it takes one worker for
// each queued job. Large steps are right for workers that cost a few hundred
// bytes: with a cooldown of seconds, small ones would take minutes to meet a
// burst.
//
// How fast: a few at once, then twice as many at each look, until it has met its
// target or the queue is empty, and only while the processors are not late
// (`scheduling_delay_max`). Where what is runnable waits already, more workers
// would make every job's waits longer and finish nothing sooner; and a new
// worker's first job is dear, for its memory is fresh. So growth stops by itself
// where the processors are full.
//
// Not thread-safe: the pool's keeper owns it.
#pragma once

#include <cstdint>

#include "weir/base/clock.h"

namespace weir::bounds {

class PoolGrowth {
 public:
  struct Options {
    std::uint32_t workers_max = 1;
    std::uint32_t queue_capacity = 1;
    double threshold = 0.7;                // of the capacity; as in the adaptive pool this follows
    Duration cooldown = 5s;                // between two decisions to grow; 0: none
    Duration drain_within = 100ms;         // how fast a growth should run the backlog down; not 0
    Duration scheduling_delay_max = 10ms;  // processors later than this: no growth; 0: grow regardless
  };

  struct Load {
    TimePoint now;
    std::uint32_t queue_depth = 0;
    std::uint32_t workers = 0;
    Duration run_mean = {};          // of the latest jobs that ended; 0: none has
    Duration scheduling_delay = {};  // from runnable to running, just now
  };

  struct Step {
    std::uint32_t add = 0;     // workers, now
    bool held_back = false;    // would grow, but for the processors
    TimePoint again = kNever;  // when to ask again, though nothing has changed
  };

  explicit PoolGrowth(Options options) : options_(options) {}

  Step step(const Load& load);

  // Deeper than this is a backlog.
  std::uint32_t threshold_depth() const;
  // The end of the cooldown: a pool that has just grown does not shrink.
  TimePoint shrinks_from() const { return cool_at_; }

 private:
  std::uint32_t wanted(const Load& load) const;

  const Options options_;
  TimePoint cool_at_{};
  std::uint32_t target_ = 0;  // workers this growth goes to; met, or 0: it is over
  std::uint32_t pace_ = 0;    // workers to add at the next look
};

}  // namespace weir::bounds

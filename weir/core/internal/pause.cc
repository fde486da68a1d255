#include "weir/core/internal/pause.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <mutex>
#include <thread>

#include "weir/core/internal/scheduler.h"

namespace weir::core::internal {
namespace {

// What is not at rest by then is stuck: the monitor finds that a little sooner.
constexpr Duration kPatience = 20ms;

// Every running thread of this process passes a full fence before it returns.
void fence_everywhere() {
  static const bool kRegistered =
      ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
  if (kRegistered && ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0) return;
  // Where the call is forbidden: longer than any store stays in a buffer.
  std::this_thread::sleep_for(1ms);
}

bool runs(const Processor& processor) {
  return (processor.step() & 1) != 0 && &processor != Processor::current_or_null();
}

}  // namespace

Pause::Pause(Scheduler& scheduler) : scheduler_(scheduler) {
  held_ = !scheduler_.paused_.exchange(true);
  if (!held_) return;
  fence_everywhere();
  const std::int64_t until = (SystemClock::read() + kPatience).time_since_epoch().count();
  const std::lock_guard guard(scheduler_.workers_mutex_);
  for (const auto& worker : scheduler_.workers_) wait_for(*worker, until);
}

void Pause::wait_for(const Processor& processor, std::int64_t until_ns) const {
  while (runs(processor) && SystemClock::read().time_since_epoch().count() < until_ns) {
    std::this_thread::yield();
  }
}

Pause::~Pause() {
  if (!held_) return;
  scheduler_.paused_.store(false);
  scheduler_.paused_.notify_all();
}

void Pause::for_each_running(const std::function<void(const void* frame)>& visit) const {
  const std::lock_guard guard(scheduler_.workers_mutex_);
  for (const auto& worker : scheduler_.workers_) {
    if (runs(*worker)) visit(worker->frame());
  }
}

void Pause::for_each_queued(const std::function<void(const Runnable* task)>& visit) const {
  {
    const std::lock_guard guard(scheduler_.workers_mutex_);
    for (const auto& worker : scheduler_.workers_) worker->queue().for_each(visit);
  }
  const std::lock_guard guard(scheduler_.global_lock_);
  for (const Runnable* task = scheduler_.global_.head; task != nullptr; task = task->next()) visit(task);
}

}  // namespace weir::core::internal

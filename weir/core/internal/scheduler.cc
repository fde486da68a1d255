#include "weir/core/internal/scheduler.h"

#include <algorithm>
#include <mutex>
#include <system_error>
#include <thread>

#include "weir/base/check.h"
#include "weir/core/internal/shake.h"
#include "weir/core/runtime.h"

namespace weir::core::internal {

Scheduler::Scheduler(Runtime& runtime, unsigned processors, const Clock* clock)
    : runtime_(runtime), clock_(clock) {
  const TimePoint start = clock == nullptr ? SystemClock::read() : clock->now();
  for (unsigned index = 0; index < processors; ++index) {
    processors_.push_back(std::make_unique<Processor>(*this, index, start));
  }
}

void Scheduler::run() {
  std::vector<std::jthread> workers;
  try {
    for (unsigned index = 1; index < size(); ++index) {
      workers.emplace_back([this, index] { processors_[index]->run(); });
    }
  } catch (const std::system_error&) {
    // Those that run already would be waited for, and never end.
    WEIR_CHECK(false, "no thread for a processor: raise the limit of threads or memory, or ask for fewer");
  }
  processors_[0]->run();
}

void Scheduler::stop() {
  stopping_.store(true, std::memory_order_release);
  for (const auto& processor : processors_) processor->poller().notify();
}

void Scheduler::inject(Runnable& runnable) {
  RunnableList one;
  one.push(runnable);
  push_global(one);
  wake_one();
}

void Scheduler::push_global(RunnableList& batch) {
  const std::lock_guard guard(global_lock_);
  global_.append(batch);
  global_size_.store(global_.size, std::memory_order_relaxed);
}

RunnableList Scheduler::take_global(std::uint32_t most) {
  RunnableList taken;
  if (global_empty()) return taken;
  const std::lock_guard guard(global_lock_);
  const std::uint32_t share = std::min({global_.size, global_.size / size() + 1, most});
  while (taken.size < share) taken.push(*global_.pop());
  global_size_.store(global_.size, std::memory_order_relaxed);
  return taken;
}

void Scheduler::wake_one() {
  for (;;) {
    // The fence of the producer's side: the work was published before it.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (idle_count_.load(std::memory_order_relaxed) == 0) return;
    WEIR_SHAKE_HERE("wake_one: somebody sleeps");
    unsigned nobody = 0;
    if (spinning_count_.load(std::memory_order_relaxed) != 0 ||
        !spinning_count_.compare_exchange_strong(nobody, 1, std::memory_order_seq_cst)) {
      return;  // the one that spins will see it, or wake another when it finds other work
    }
    if (Processor* woken = take_idle()) {
      woken->poller().notify();
      return;
    }
    WEIR_SHAKE_HERE("wake_one: nobody sleeps");
    // Meanwhile others have taken this thread for one that looks for work, and
    // somebody may have fallen asleep: once more, on their behalf.
    spinning_count_.fetch_sub(1, std::memory_order_seq_cst);
  }
}

Processor* Scheduler::take_idle() {
  const std::lock_guard guard(idle_lock_);
  Processor* woken = idle_list_;
  if (woken != nullptr) {
    remove_idle_locked(*woken);
    woken->spinning_ = true;
  }
  return woken;
}

bool Scheduler::begin_idle(Processor& processor) {
  {
    const std::lock_guard guard(idle_lock_);
    processor.idle_ = true;
    processor.next_idle_ = idle_list_;
    idle_list_ = &processor;
    idle_count_.fetch_add(1, std::memory_order_relaxed);
    if (processor.spinning_) {
      processor.spinning_ = false;
      spinning_count_.fetch_sub(1, std::memory_order_relaxed);
    }
  }
  // The fence of the sleeper's side: idle and no longer spinning were
  // announced before it.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  WEIR_SHAKE_HERE("begin_idle: announced");
  if (!any_work() && !stopping()) return true;
  end_idle(processor);
  // There may be more than this one takes, made runnable by somebody who relied
  // on it to look: it spins again, so that it wakes the next when it finds some.
  if (!processor.spinning_) {
    processor.spinning_ = true;
    spinning_count_.fetch_add(1, std::memory_order_seq_cst);
  }
  return false;
}

void Scheduler::end_idle(Processor& processor) {
  const std::lock_guard guard(idle_lock_);
  if (processor.idle_) remove_idle_locked(processor);
}

void Scheduler::remove_idle_locked(Processor& processor) {
  Processor** link = &idle_list_;
  while (*link != &processor) link = &(*link)->next_idle_;
  *link = processor.next_idle_;
  processor.next_idle_ = nullptr;
  processor.idle_ = false;
  idle_count_.fetch_sub(1, std::memory_order_relaxed);
}

bool Scheduler::any_work() const {
  if (!global_empty()) return true;
  return std::ranges::any_of(processors_, [](const auto& processor) { return processor->has_work(); });
}

bool Scheduler::try_start_spinning(Processor& processor) {
  if (processor.spinning_) return true;
  // At most half of those that are busy: more would only contend.
  if (2 * spinning() >= size() - std::min(size(), idle())) return false;
  processor.spinning_ = true;
  spinning_count_.fetch_add(1, std::memory_order_seq_cst);
  return true;
}

void Scheduler::stop_spinning(Processor& processor) {
  if (!processor.spinning_) return;
  processor.spinning_ = false;
  WEIR_SHAKE_HERE("stop_spinning");
  // The last that spins has found work: where there was some, there may be
  // more, and nobody is looking.
  if (spinning_count_.fetch_sub(1, std::memory_order_seq_cst) == 1) wake_one();
}

}  // namespace weir::core::internal

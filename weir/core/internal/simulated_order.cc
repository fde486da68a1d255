#include "weir/core/internal/simulated_order.h"

#include <algorithm>
#include <cstdio>

#include "weir/base/check.h"
#include "weir/core/internal/scheduler.h"

namespace weir::core::internal {
namespace {

class AbsentPoller final : public Poller {
 public:
  Result<> add(int, IoState&) override {
    return std::unexpected(Error{.kind = ErrorKind::unsupported, .where = "simulation"});
  }
  std::size_t poll(TimePoint, TimePoint) override { return 0; }
  void notify() override {}
};

}  // namespace

std::unique_ptr<Poller> make_absent_poller() { return std::make_unique<AbsentPoller>(); }

void SimulatedOrder::run() {
  WEIR_CHECK(Processor::current_or_null() == nullptr, "a simulation is not run by a task");
  while (!scheduler_.stopping()) {
    if (!step() && !jump()) deadlock();
  }
}

bool SimulatedOrder::step() {
  const unsigned count = scheduler_.size();
  const unsigned first = count == 1 ? 0 : below(count);
  for (unsigned i = 0; i < count; ++i) {
    Processor& processor = scheduler_.holder((first + i) % count);
    const Processor::Serving serving(processor);
    processor.read_clock();
    processor.fire_timers(processor.timers());
    Runnable* chosen = choose(processor);
    if (chosen == nullptr) continue;
    ++simulation_.steps_;
    processor.execute(*chosen);
    simulation_.now_ = saturating_add(simulation_.now_, simulation_.options_.step);
    return true;
  }
  return false;
}

// With all that is runnable in one list there is one thing to choose.
Runnable* SimulatedOrder::choose_of_all(Processor& processor) {
  WEIR_CHECK(scheduler_.size() == 1, "choices are for one processor");
  RunnableList all = processor.queue_.take_all();
  RunnableList global = scheduler_.take_global(RunQueue::kCapacity / 2);
  all.append(global);
  if (all.size == 0) return nullptr;
  Runnable* chosen = nullptr;
  for (std::uint32_t turn = all.size == 1 ? 0 : below(all.size); Runnable* task = all.pop(); --turn) {
    if (turn == 0) {
      chosen = task;
    } else {
      processor.enqueue(*task);
    }
  }
  return chosen;
}

Runnable* SimulatedOrder::choose(Processor& processor) {
  if (simulation_.options_.choose) return choose_of_all(processor);
  Runnable* chosen = nullptr;
  if (below(8) == 0) chosen = processor.take_global(1);
  if (chosen == nullptr) chosen = take_any(processor);
  if (chosen == nullptr) chosen = processor.take_global(1 + below(RunQueue::kCapacity / 2));
  if (chosen == nullptr) chosen = steal(processor);
  return chosen;
}

// Of its own queue: mostly as it would, else any of them.
Runnable* SimulatedOrder::take_any(Processor& processor) {
  if (below(2) == 0) return processor.take_local();
  RunQueue& queue = processor.queue_;
  for (std::uint32_t turns = below(queue.size() + 1); turns > 0; --turns) {
    Runnable* front = queue.pop();
    if (front == nullptr) break;
    WEIR_CHECK(queue.push(*front), "there is room for what was there");
  }
  Runnable* any = queue.pop();
  return any != nullptr ? any : queue.take_next();
}

Runnable* SimulatedOrder::steal(Processor& processor) {
  const unsigned count = scheduler_.size();
  const unsigned first = below(count);
  for (unsigned i = 0; i < count; ++i) {
    Seat& seat = scheduler_.seat((first + i) % count);
    if (&seat == processor.seat_) continue;
    if (Runnable* stolen = processor.steal_from(seat, below(2) == 0)) return stolen;
  }
  return nullptr;
}

bool SimulatedOrder::jump() {
  TimePoint next = kNever;
  for (unsigned i = 0; i < scheduler_.size(); ++i) next = std::min(next, scheduler_.seat(i).timers.next());
  if (next != kNever) {
    simulation_.now_ = std::max(simulation_.now_, next);
    return true;
  }
  // What a thief left in a run-next slot is somebody's: that is not the end.
  return scheduler_.any_work();
}

void SimulatedOrder::deadlock() {
  WEIR_CHECK(!simulation_.deadlocked_, "simulation: deadlock, and tasks wait even though they are cancelled");
  simulation_.deadlocked_ = true;
  const Scheduler::Counts counts = scheduler_.counts();
  std::fprintf(
      stderr,
      "weir: simulation with WEIR_SEED=%llu: deadlock after %llu steps: %llu tasks wait and nothing is "
      "left that would wake one; cancelling them\n",
      static_cast<unsigned long long>(simulation_.seed()),
      static_cast<unsigned long long>(simulation_.steps()),
      static_cast<unsigned long long>(counts.spawned - counts.finished));
  const Processor::Serving serving(scheduler_.holder(0));
  scheduler_.root().cancel();
}

}  // namespace weir::core::internal

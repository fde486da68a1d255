#include "weir/testing/leak_check.h"

#include <chrono>
#include <thread>
#include <vector>

#include "weir/core/task_dump.h"

namespace weir::testing {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(5);

// Another list may be being made: it takes a moment.
std::vector<core::TaskInfo> tasks_now() {
  for (;;) {
    if (auto tasks = core::list_tasks()) return std::move(*tasks);
    std::this_thread::sleep_for(kLookEvery);
  }
}

}  // namespace

LeakCheck::LeakCheck() {
  for (const core::TaskInfo& task : tasks_now()) before_.emplace(task.id, task.stack.back().function);
}

std::string LeakCheck::leaked(unsigned patience_ms_max) const {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(patience_ms_max);
  for (;;) {
    std::string leaked;
    for (const core::TaskInfo& task : tasks_now()) {
      // A frame's place is used again: by another function it is another task.
      const auto known = before_.find(task.id);
      if (known != before_.end() && known->second == task.stack.back().function) continue;
      leaked += core::describe(task) + "\n";
    }
    if (leaked.empty() || std::chrono::steady_clock::now() >= end) return leaked;
    std::this_thread::sleep_for(kLookEvery);
  }
}

}  // namespace weir::testing

#include "weir/core/task_dump.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "weir/core/internal/frame_slab.h"
#include "weir/core/internal/frames.h"
#include "weir/core/internal/parking.h"
#include "weir/core/internal/pause.h"
#include "weir/core/internal/scheduler.h"
#include "weir/core/internal/site.h"
#include "weir/core/internal/stack_sample.h"
#include "weir/core/runtime.h"
#include "weir/core/task.h"

namespace weir::core {
namespace {

using internal::Runnable;
using internal::TaskPromise;

// What is copied of a frame while all stands still.
struct Copy {
  void* frame;
  const void* code;      // the function that goes on with it
  const void* awaiting;  // the frame that awaits it
  internal::PackedSite site;
  bool started_apart;  // by a scope or as a help to a fork
  std::size_t bytes;
  bool waits = false;
  WaitReason reason = WaitReason::none;
  std::uint32_t since = 0;
  const Limit* limit;
};

TaskPromise& promise_of(void* frame) {
  return static_cast<TaskPromise&>(std::coroutine_handle<Runnable>::from_address(frame).promise());
}

Copy copy_of(void* frame, std::size_t bytes) {
  const auto* words = static_cast<const void* const*>(frame);
  TaskPromise& promise = promise_of(frame);
  Copy copy{.frame = frame,
            .code = words[0] != nullptr ? words[0] : words[1],
            .awaiting = promise.awaiting(),
            .site = promise.site(),
            .started_apart = promise.started_apart(),
            .bytes = bytes,
            .limit = promise.limit()};
  Runnable::Waiting waiting = promise.waiting();
  if (const internal::Parking* parking = waiting.parking) {
    waiting.reason = parking->reason();
    waiting.since = parking->since();
  }
  copy.waits = waiting.reason != WaitReason::none;
  copy.reason = waiting.reason;
  copy.since = waiting.since;
  return copy;
}

// All frames at one moment, and what follows from them.
class Snapshot {
 public:
  // False: another one is being made.
  bool take();
  std::vector<TaskInfo> tasks();
  std::vector<FrameUse> use();

 private:
  bool take_of(const std::vector<Runtime*>& runtimes);
  void note_limit(const Copy& copy);
  // Finds out who awaits whom.
  void connect();
  // The frames of the task whose innermost is `leaf`, from there outwards.
  std::vector<std::size_t> chain(std::size_t leaf) const;
  TaskInfo info(std::size_t leaf);
  TaskState state_of(std::size_t leaf, const std::vector<std::size_t>& frames) const;
  TaskFrame describe_frame(const Copy& copy);

  std::uint32_t now_ = 0;
  std::vector<Copy> frames_;
  std::unordered_map<const void*, std::size_t> by_address_;
  std::unordered_set<const void*> awaiting_;  // frames that await another
  std::unordered_set<const void*> queued_;
  std::unordered_set<const void*> running_;  // what could not be held
  std::unordered_map<const Limit*, std::string> limits_;
  std::unordered_map<const void*, std::string> names_;  // of code; to look one up is slow
};

bool Snapshot::take() {
  bool taken = false;
  Runtime::with_all([&](const std::vector<Runtime*>& runtimes) { taken = take_of(runtimes); });
  return taken;
}

bool Snapshot::take_of(const std::vector<Runtime*>& runtimes) {
  std::vector<std::unique_ptr<internal::Pause>> pauses;
  for (Runtime* runtime : runtimes) {
    pauses.push_back(std::make_unique<internal::Pause>(runtime->scheduler()));
    if (!*pauses.back()) return false;
  }
  now_ = internal::coarse(SystemClock::read());
  internal::for_each_frame(
      [this](void* frame, std::size_t bytes) { frames_.push_back(copy_of(frame, bytes)); });
  for (const auto& pause : pauses) {
    pause->for_each_running([this](const void* frame) { running_.insert(frame); });
    pause->for_each_queued([this](const Runnable* task) { queued_.insert(task); });
  }
  // A limit stays where it is as long as a task that stands still has its permit.
  if (running_.empty()) {
    for (const Copy& copy : frames_) note_limit(copy);
    return true;
  }
  connect();
  for (std::size_t leaf = 0; leaf < frames_.size(); ++leaf) {
    if (awaiting_.contains(frames_[leaf].frame)) continue;
    const std::vector<std::size_t> of_task = chain(leaf);
    if (state_of(leaf, of_task) != TaskState::running) note_limit(frames_[of_task.back()]);
  }
  return true;
}

void Snapshot::note_limit(const Copy& copy) {
  if (copy.limit != nullptr && !limits_.contains(copy.limit)) limits_.emplace(copy.limit, copy.limit->name());
}

void Snapshot::connect() {
  if (!by_address_.empty()) return;
  for (std::size_t index = 0; index < frames_.size(); ++index)
    by_address_.emplace(frames_[index].frame, index);
  for (const Copy& copy : frames_) {
    // A part that became a task has a stack of its own, and so has its fork's.
    if (copy.awaiting != nullptr && !copy.started_apart) awaiting_.insert(copy.awaiting);
  }
}

std::vector<std::size_t> Snapshot::chain(std::size_t leaf) const {
  std::vector<std::size_t> frames{leaf};
  while (!frames_[frames.back()].started_apart && frames.size() < frames_.size()) {
    const auto outer = by_address_.find(frames_[frames.back()].awaiting);
    if (outer == by_address_.end()) break;
    frames.push_back(outer->second);
  }
  return frames;
}

TaskState Snapshot::state_of(std::size_t leaf, const std::vector<std::size_t>& frames) const {
  const Copy& innermost = frames_[leaf];
  if (innermost.waits) return TaskState::waiting;
  if (queued_.contains(static_cast<const Runnable*>(&promise_of(innermost.frame))))
    return TaskState::runnable;
  const Copy& outermost = frames_[frames.back()];
  const bool begun = outermost.started_apart || outermost.awaiting != nullptr;
  return begun ? TaskState::running : TaskState::created;
}

std::vector<TaskInfo> Snapshot::tasks() {
  connect();
  std::vector<TaskInfo> tasks;
  for (std::size_t leaf = 0; leaf < frames_.size(); ++leaf) {
    if (!awaiting_.contains(frames_[leaf].frame)) tasks.push_back(info(leaf));
  }
  return tasks;
}

std::vector<FrameUse> Snapshot::use() {
  connect();
  std::vector<bool> counted(frames_.size());  // of parts of a fork the outer frames are the same
  std::unordered_map<std::size_t, std::uint64_t> of_tasks;
  for (std::size_t leaf = 0; leaf < frames_.size(); ++leaf) {
    if (awaiting_.contains(frames_[leaf].frame)) continue;
    const std::vector<std::size_t> frames = chain(leaf);
    std::uint64_t& bytes = of_tasks[frames.back()];
    for (const std::size_t index : frames) {
      if (!counted[index]) bytes += frames_[index].bytes;
      counted[index] = true;
    }
  }
  std::map<std::string, FrameUse> by_limit;
  for (const auto& [outermost, bytes] : of_tasks) {
    const auto limit = limits_.find(frames_[outermost].limit);
    if (limit == limits_.end()) continue;
    FrameUse& use = by_limit[limit->second];
    use.limit = limit->second;
    ++use.tasks;
    use.bytes.count += bytes;
    use.largest = std::max(use.largest, Bytes{bytes});
  }
  std::vector<FrameUse> all;
  for (auto& [name, use] : by_limit) all.push_back(std::move(use));
  return all;
}

TaskInfo Snapshot::info(std::size_t leaf) {
  const std::vector<std::size_t> frames = chain(leaf);
  const Copy& innermost = frames_[leaf];
  TaskInfo task{.id = innermost.frame, .state = state_of(leaf, frames)};
  const auto limit = limits_.find(frames_[frames.back()].limit);
  if (limit != limits_.end()) task.limit = limit->second;
  if (task.state == TaskState::waiting) {
    task.reason = innermost.reason;
    task.waited = Duration(static_cast<Duration::rep>(now_ - innermost.since) << 20);
  }
  for (const std::size_t index : frames) task.stack.push_back(describe_frame(frames_[index]));
  return task;
}

TaskFrame Snapshot::describe_frame(const Copy& copy) {
  const std::source_location site = internal::unpack(copy.site);
  if (site.line() != 0)
    return {.function = site.function_name(), .file = site.file_name(), .line = site.line()};
  // It has awaited nothing so far.
  std::string& name = names_[copy.code];
  if (name.empty()) name = internal::name_of_code(copy.code);
  return {.function = name};
}

std::string_view label(TaskState state) {
  switch (state) {
    case TaskState::created: return "created";
    case TaskState::runnable: return "runnable";
    case TaskState::running: return "running";
    case TaskState::waiting: return "waiting";
  }
  return "";
}

std::string readable(Duration span) {
  if (span < 1s) return fmt::format("{} ms", span / 1ms);
  if (span < 1min) return fmt::format("{:.1f} s", static_cast<double>(span / 1ms) / 1000);
  return fmt::format("{} minutes", span / 1min);
}

}  // namespace

Result<std::vector<TaskInfo>> list_tasks() {
  Snapshot snapshot;
  if (!snapshot.take()) return fail(ErrorKind::overloaded, Reason::at_limit, "task list");
  return snapshot.tasks();
}

Result<std::vector<FrameUse>> frame_use() {
  Snapshot snapshot;
  if (!snapshot.take()) return fail(ErrorKind::overloaded, Reason::at_limit, "task list");
  return snapshot.use();
}

std::string describe(const TaskInfo& task) {
  std::string text = fmt::format("task {} [", task.id);
  if (task.state == TaskState::waiting) {
    text += fmt::format("{}, {}", label(task.reason), readable(task.waited));
  } else {
    text += label(task.state);
  }
  if (!task.limit.empty()) text += fmt::format(", bound \"{}\"", task.limit);
  text += "]:";
  for (const TaskFrame& frame : task.stack) {
    text += fmt::format("\n{}", frame.function);
    if (!frame.file.empty()) text += fmt::format("\n\t{}:{}", frame.file, frame.line);
  }
  return text;
}

}  // namespace weir::core

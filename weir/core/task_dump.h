// What every task is doing, for who looks from outside: a list at one moment,
// as Go's goroutine dump. It costs the tasks nothing until it is asked for; then
// they stand still for as long as copying some words of each takes.
//
//   Result<std::vector<TaskInfo>> tasks = list_tasks();
//   for (const TaskInfo& task : *tasks) std::puts(describe(task).c_str());
//
// A task is listed with its stack: the function that waits, the one that awaits
// it, and so on up to the one that a scope started.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/core/wait_reason.h"

namespace weir::core {

enum class TaskState : std::uint8_t {
  created,   // made, and neither awaited nor spawned so far
  runnable,  // waits for a processor
  running,   // on a processor, and did not stop for this
  waiting,
};

struct TaskFrame {
  std::string function;
  std::string file;   // empty: unknown
  unsigned line = 0;  // of the `co_await` it is at, or was at last
};

struct TaskInfo {
  // The innermost frame: tells apart tasks that live at one time.
  const void* id = nullptr;
  TaskState state = TaskState::waiting;
  WaitReason reason = WaitReason::none;  // of one that waits
  Duration waited{};                     // so far, to about a millisecond
  std::string limit;                     // whose permit it holds; empty: none
  std::vector<TaskFrame> stack;          // innermost first
};

// What the frames of the tasks take that were started with permits of one limit.
struct FrameUse {
  std::string limit;
  std::uint64_t tasks = 0;
  Bytes bytes;    // of all their frames
  Bytes largest;  // of those of one task: its outermost, and all that it waits for within it
};

// Of all runtimes of the process. Any thread. Errors: overloaded when another
// list is being made. Throws std::bad_alloc.
Result<std::vector<TaskInfo>> list_tasks();

// The same, by the names of the limits: what a place of theirs takes of memory in
// coroutines, as far as they have come at this moment. Limits of one name are one.
Result<std::vector<FrameUse>> frame_use();

// As Go prints a goroutine:
//
//   task 0x7f2c10 [chan receive, 1.2 s, bound "requests"]:
//   weir::task<> serve(Context &)
//           service.cc:41
std::string describe(const TaskInfo& task);

}  // namespace weir::core

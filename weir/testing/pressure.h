// Pressure on a process, on purpose and with an end: many tasks that sleep, and
// memory that is held. To see whether the bounds of the rest hold meanwhile.
//
//   core::Limit tasks({.name = "spike", .limit = 10'001});
//   Hold hold;
//   scope.spawn(*tasks.try_acquire(), hold_tasks(scope.context(), tasks, 10'000, hold));
//   (void)co_await hold.held.wait(ctx);     // all of them sleep now; or hold.failed says why not
//   ...
//   hold.release.set();
//   (void)co_await hold.gone.wait(ctx);     // nothing of it is left
//
// A hold is given back when it is released and when its context is cancelled.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/core/context.h"
#include "weir/core/event.h"
#include "weir/core/limit.h"
#include "weir/core/task.h"

namespace weir::testing {

// Between what holds and whoever lets it. Outlives the task that holds.
struct Hold {
  core::Event held;     // all is held, or `failed` says why not
  core::Event release;  // set by the other side: give it back
  core::Event gone;     // it has been given back; set in every case

  // Written before `held`.
  std::optional<Error> failed;
  std::uint64_t count = 0;  // tasks, or bytes
};

// Tasks that sleep until they are released, `count` of them, each under a permit of
// `tasks`, which has as many free. Returns when all have ended. `failed`: what
// try_acquire() says; overloaded (system) where the machine has no memory for them.
core::task<void> hold_tasks(core::Context& context, core::Limit& tasks, std::uint64_t count, Hold& hold);

// Memory of the machine's, mapped and written to, piece by piece so that no
// processor is held up; unmapped in the same way. `failed`: overloaded (system) where
// it is more than can be had with kMemoryLeft to spare, before any is taken or when
// that becomes so.
core::task<void> hold_memory(core::Context& context, Bytes bytes, Hold& hold);

// So much stays free: a test of bounds is no test of the kernel's killer.
inline constexpr Bytes kMemoryLeft = mebibytes(64);
// What a sleeping task takes at most: its frame, its permit, its timer.
inline constexpr Bytes kTaskBytes = Bytes{1024};

// How many bytes bring the memory in use to this share of what the process may use;
// 0 where it is in use already. nullopt: the system does not say. `root` as in
// base/memory.h.
std::optional<Bytes> bytes_to_share(double share, const std::string& root = "/");

}  // namespace weir::testing

// Runs something once, for all that need it done: the first that comes runs it,
// the others wait until it is.
//
//   Once opened;
//   Result<> ready = co_await opened.run(ctx, [&](Context& context) { return open(context); });
//
// If it fails, or throws, or its caller is cancelled, only that caller is told:
// the next one that waits, or comes, tries. Go's sync.Once counts a panic as
// done; here done means that it succeeded.
#pragma once

#include <atomic>
#include <cstdint>

#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/mutex.h"
#include "weir/core/task.h"

namespace weir::core {

class Once {
 public:
  // `waiters_max`: more are refused as overloaded.
  explicit Once(std::uint32_t waiters_max = 65'536) : running_(waiters_max) {}

  // acquire: what the run wrote is seen by those who find it done.
  bool done() const { return done_.load(std::memory_order_acquire); }

  // `make(context)` returns the task<Result<>> to run. Success: it has succeeded,
  // in this call or another. Errors: its own, when this call ran it; overloaded,
  // deadline and cancelled from the wait for another's run. Cancellation: while
  // it waits, nothing is lost; while it runs, as its task has it.
  template <typename Make>
  task<Result<>> run(Context& context, Make make) {
    if (done()) co_return Result<>();
    const Result<Mutex::Guard> guard = co_await running_.lock(context);
    if (!guard) co_return std::unexpected(guard.error());
    if (done()) co_return Result<>();
    const Result<> outcome = co_await make(context);
    if (outcome) done_.store(true, std::memory_order_release);
    co_return outcome;
  }

 private:
  Mutex running_;
  std::atomic<bool> done_{false};  // written with running_ held
};

}  // namespace weir::core

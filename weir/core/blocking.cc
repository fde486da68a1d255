#include "weir/core/blocking.h"

#include "weir/core/internal/scheduler.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"
#include "weir/core/wait.h"

namespace weir::core::internal {
namespace {

// Awaits Wake: ready when the job is done.
class Done {
 public:
  Done(BlockingPool& pool, BlockingJob& job, Context& context)
      : pool_(pool), job_(job), wait_(context, WaitReason::blocking_call) {}

  bool await_ready() const { return false; }
  bool await_suspend(TaskHandle task) {
    waits_ = pool_.wait(job_, wait_.parking());
    return waits_ && wait_.suspend(task);
  }
  Wake await_resume() { return waits_ ? wait_.finish() : Wake::ready; }
  Error error(Wake outcome) const { return wait_.error(outcome, "blocking"); }

 private:
  BlockingPool& pool_;
  BlockingJob& job_;
  Wait wait_;
  bool waits_ = false;
};

}  // namespace

task<Result<>> run_blocking(Context& context, BlockingJob& job) {
  Scheduler& scheduler = Runtime::current().scheduler();
  BlockingPool& pool = scheduler.blocking();
  // Where others may come in between, they do.
  if (scheduler.simulation() != nullptr) co_await yield();
  if (!pool.submit(job)) {
    co_return std::unexpected(
        Error{.kind = ErrorKind::overloaded, .reason = Reason::system, .where = "blocking"});
  }
  Done done(pool, job, context);
  const Wake outcome = co_await done;
  if (outcome == Wake::ready) co_return {};
  if (pool.give_up(job)) co_return std::unexpected(done.error(outcome));
  Context nobody_cancels;
  (void)co_await Done(pool, job, nobody_cancels);
  co_return {};
}

}  // namespace weir::core::internal

#include "tools/weir/interruptible.h"

#include <csignal>
#include <stdexcept>
#include <utility>

#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/core/signals.h"

namespace weir::tools {
namespace {

core::task<> cancel_on_signal(core::SignalSet& signals, core::Context& context, core::Context& work) {
  if (co_await signals.next(context)) work.cancel();
}

}  // namespace

void run_interruptible(core::Runtime::Options options,
                       const std::function<core::task<>(core::Context& context)>& work) {
  core::SignalSet::block({SIGINT, SIGTERM});
  core::Runtime runtime(std::move(options));
  const Result<> ran = runtime.run([&](core::Scope& root) -> core::task<> {
    core::Limit helpers({.name = "signals", .limit = 1});
    Result<core::SignalSet> signals = core::SignalSet::open({SIGINT, SIGTERM});
    if (!signals) throw std::runtime_error(signals.error().message());
    core::Context context(root.context());
    static_cast<void>(co_await core::with_scope(root.context(), [&](core::Scope& scope) -> core::task<> {
      scope.spawn(std::move(*helpers.try_acquire()), cancel_on_signal(*signals, scope.context(), context));
      co_await work(context);
      scope.cancel();  // nobody waits for signals any more
    }));
  });
  if (!ran) throw std::runtime_error(ran.error().message());
}

}  // namespace weir::tools

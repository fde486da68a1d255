#include "weir/service/serving.h"

#include <fmt/format.h>

#include <csignal>

#include "weir/core/now.h"
#include "weir/core/sleep.h"

namespace weir::service {
namespace {

constexpr int kExitInternal = 4;
constexpr int kExitInterrupted = 130;

}  // namespace

core::task<int> Serving::run(core::Context& context, core::Limit& tasks) {
  auto signals = core::SignalSet::open({SIGINT, SIGTERM});
  if (!signals) {
    options_.announce(fmt::format("error: signals: {}", signals.error().message()));
    co_return kExitInternal;
  }
  public_context_.emplace(context);
  {
    const std::lock_guard guard(stopping_);
    until_.emplace(context);
    if (stopped_) until_->cancel();
  }
  // Ends by cancellation, which is its good end.
  (void)co_await core::with_scope(
      context, [&](core::Scope& scope) { return serve_until_told(scope, *signals, tasks); },
      core::OnError::run_all);
  co_return exit_code_;
}

void Serving::stop() {
  const std::lock_guard guard(stopping_);
  stopped_ = true;
  if (until_) until_->cancel();
}

core::task<> Serving::serve_until_told(core::Scope& scope, core::SignalSet& signals, core::Limit& tasks) {
  const auto start = [&](core::task<> task) { scope.spawn(*tasks.try_acquire(), std::move(task)); };
  if (options_.admin_endpoint != nullptr) {
    scope.spawn(*tasks.try_acquire(), options_.admin_endpoint->serve(scope.context()));
  }
  (void)served_.try_acquire();
  start(serve_public());
  if (options_.admin != nullptr) options_.admin->set_ready(true);
  if (options_.beside) options_.beside(scope);

  (void)co_await signals.next(*until_);
  if (options_.admin != nullptr) options_.admin->set_ready(false);
  options_.announce(
      fmt::format("draining: up to {} for what is in flight", weir::to_string(options_.drain.deadline)));
  drain_context_.emplace(*public_context_, saturating_add(core::now(), options_.drain.readiness_delay +
                                                                           options_.drain.deadline));
  start(interrupt_on_signal(signals));
  co_await drain();
  public_context_->cancel();
  scope.cancel();
}

core::task<> Serving::serve_public() {
  const Result<> served = co_await options_.endpoint.serve(*public_context_);
  if (!served && served.error().kind != ErrorKind::cancelled) {
    options_.announce(fmt::format("error: {}", served.error().message()));
    exit_code_ = kExitInternal;
    stop();  // nothing is served any more
  }
  served_.release();
}

core::task<> Serving::drain() {
  if (options_.drain.readiness_delay > Duration::zero()) {
    (void)co_await core::sleep_for(*drain_context_, options_.drain.readiness_delay);
  }
  options_.endpoint.server().drain();
  if (co_await served_.acquire(*drain_context_)) {
    options_.announce("drained");
    co_return;
  }
  const std::uint64_t open = options_.endpoint.open_connections();
  options_.announce(open == 1 ? "cut off 1 connection that was not done"
                              : fmt::format("cut off {} connections that were not done", open));
}

core::task<> Serving::interrupt_on_signal(core::SignalSet& signals) {
  if (!co_await signals.next(*drain_context_)) co_return;
  exit_code_ = kExitInterrupted;
  drain_context_->cancel();
}

}  // namespace weir::service

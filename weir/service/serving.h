// From the first connection to the last: serves until it is told to end, then drains.
//
// Told means SIGINT, SIGTERM or stop(). Then readiness turns to 503, new requests are
// accepted for `readiness_delay`, listeners close, what is in flight has until
// `deadline`, and the rest is cut off. A second signal cuts it off at once. The admin
// pages answer until the end.
//
//   Serving serving({.endpoint = endpoint, .admin = &pages, ...});
//   const int exit_code = co_await serving.run(root.context(), tasks);
//
// Made and run by a task, once; it outlives the tasks under it.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string_view>

#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/core/semaphore.h"
#include "weir/core/signals.h"
#include "weir/core/task.h"
#include "weir/service/admin.h"
#include "weir/service/config.h"
#include "weir/service/endpoint.h"

namespace weir::service {

class Serving {
 public:
  // That run() takes of its limit.
  static constexpr std::uint64_t kTasks = 4;

  struct Options {
    Endpoint& endpoint;                  // open
    Endpoint* admin_endpoint = nullptr;  // open; null: no pages
    Admin* admin = nullptr;              // told whether it is ready; null: nobody is
    DrainConfig drain = {};
    std::function<void(std::string_view line)> announce;
    // More tasks in the scope, once it serves.
    std::function<void(core::Scope& scope)> beside = {};
  };

  explicit Serving(Options options) : options_(std::move(options)) {}

  // The exit code: 0 after a drain, also one that had to cut off what was late; 4 where
  // signals or the listener cannot be had; 130 after a second signal. SIGINT and
  // SIGTERM are blocked.
  core::task<int> run(core::Context& context, core::Limit& tasks);

  // As SIGTERM. Any thread, before run() as well.
  void stop();

 private:
  core::task<> serve_until_told(core::Scope& scope, core::SignalSet& signals, core::Limit& tasks);
  core::task<> serve_public();
  core::task<> drain();
  core::task<> interrupt_on_signal(core::SignalSet& signals);

  const Options options_;
  int exit_code_ = 0;
  // Released when the endpoint has let its last connection go.
  core::Semaphore served_{{.units = 1, .waiters_max = 1}};
  // They outlive the tasks under them. The first is cancelled by itself when the
  // drain's time is up, while the pages go on; the second ends with that time.
  std::optional<core::Context> public_context_;
  std::optional<core::Context> drain_context_;
  std::mutex stopping_;
  bool stopped_ = false;                // guarded by stopping_
  std::optional<core::Context> until_;  // what the first signal is waited for under; made under stopping_
};

}  // namespace weir::service

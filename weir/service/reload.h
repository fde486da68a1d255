// Reading the configuration again while the gateway runs, as a whole or not at all.
//
//   Reloader reloader(config, {.load = load, .apply = apply, .announce = print});
//   const ReloadResult result = co_await reloader.reload(ctx);   // on SIGHUP, POST /-/reload
//
// A file with a mistake, one that allows more than the machine has, and one that changes
// what cannot change while the gateway runs, changes nothing; which, and what would have changed, is in the
// result and is announced.
//
// reload() is called by tasks, one at a time goes through; the rest from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>

#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/mutex.h"
#include "weir/core/task.h"
#include "weir/observe/exposition.h"
#include "weir/service/config.h"

namespace weir::service {

struct ReloadResult {
  bool ok = false;
  std::string text;  // what changed, or why nothing did; lines for people
};

class Reloader {
 public:
  struct Fit {
    bool ok = true;
    std::string text = {};  // what is too much, and what to lower, or a warning of it; lines
  };
  struct Options {
    // The configuration as it stands in the files now. Blocks; on a thread of its own.
    // Empty: there is none to read again.
    std::function<Parsed()> load;
    // What it allows at worst against what the machine has. Empty: it is not asked.
    std::function<Fit(const GatewayConfig&)> prove = {};
    // Makes it so; what may change has been looked at. Error: why it cannot be now, as
    // lines; nothing has changed then.
    std::function<std::expected<void, std::string>(const GatewayConfig&)> apply;
    // Reads again what the configuration names, which may have changed without it:
    // certificates. Lines for people. Blocks; on a thread of its own. Empty: nothing.
    std::function<ReloadResult(const GatewayConfig&)> renew;
    std::function<void(std::string_view line)> announce;
  };

  Reloader(GatewayConfig running, Options options)
      : options_(std::move(options)), running_(std::move(running)) {}

  // Cancellation: nothing is changed.
  core::task<ReloadResult> reload(core::Context& context);

  // weir_reloads_total{result}, weir_reload_timestamp_seconds{result}.
  void expose(observe::Exposition& page) const;

 private:
  struct Count {
    std::atomic<std::uint64_t> times{0};
    std::atomic<std::int64_t> last_ms{0};  // Unix time; 0: never
  };

  ReloadResult take(const Parsed& parsed);
  void note(const ReloadResult& result);

  const Options options_;
  core::Limit turns_{{.name = "reload", .limit = 1, .queue_depth = 8}};
  core::Limit reading_{{.name = "reload", .limit = 1}};  // threads
  GatewayConfig running_;                                // of who holds the permit of turns_
  Count ok_, failed_;
};

}  // namespace weir::service

// What a server says of itself while it is drilled: its bounds, how many tasks
// it has and how much memory, read from its metrics a few times a second.
//
//   ServerWatch watch({.address = admin, .authority = "localhost:9090"});
//   if (const auto reached = co_await watch.reach(ctx); !reached) ...
//   scope.spawn(permit, watch.keep(scope.context()));
//   ...
//   watch.readings();
//
// It reads weir_bound_limit, _in_use, _queue_depth and _queue_limit,
// weir_runtime_tasks, weir_http_connections_open and process_resident_memory_bytes.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/http/client.h"
#include "weir/net/address.h"
#include "weir/observe/metrics_page.h"

namespace weir::load {

struct BoundReading {
  std::string name;
  double limit = 0;
  double in_use = 0;
  double queued = 0;
  double queue_limit = 0;

  bool holds() const { return in_use <= limit && queued <= queue_limit; }
};

struct ServerReading {
  TimePoint at{};
  std::vector<BoundReading> bounds;
  std::optional<double> tasks;   // but for one for each connection, which are the clients' doing
  std::optional<double> memory;  // bytes
};

// Of one page; `at` is left to the caller.
ServerReading reading_of(const std::vector<observe::Sample>& page);

class ServerWatch {
 public:
  struct Options {
    net::SocketAddress address;
    std::string authority;
    std::string target = "/metrics";
    Duration every = 250ms;
    Duration timeout = 2s;
    std::size_t readings_max = 100'000;
  };

  explicit ServerWatch(Options options);

  // One reading. Error: text, why there is none.
  core::task<std::expected<void, std::string>> reach(core::Context& context);
  // Reads until `context` ends or there are readings_max.
  core::task<> keep(core::Context& context);

  // Those in their order; read them when keep() does not run.
  const std::vector<ServerReading>& readings() const { return readings_; }
  // How often there was no answer, or none that could be read.
  std::uint64_t missed() const { return missed_; }

 private:
  core::task<std::expected<ServerReading, std::string>> read(core::Context& context);

  const Options options_;
  http::Client client_;
  std::vector<ServerReading> readings_;
  std::uint64_t missed_ = 0;
};

}  // namespace weir::load

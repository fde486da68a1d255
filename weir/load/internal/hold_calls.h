// Tasks that make an HTTP request each, to an API of ours in the same process,
// which answers after a while.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/units.h"
#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/core/task.h"
#include "weir/http/client.h"
#include "weir/http/server.h"
#include "weir/load/hold.h"
#include "weir/load/inflight.h"
#include "weir/load/internal/hold_watch.h"

namespace weir::load::internal {

// Answers every request after a wait.
class SlowApi final : public http::Handler {
 public:
  explicit SlowApi(Duration wait) : wait_(wait) {}
  core::task<void> handle(http::Exchange& exchange) override;

 private:
  const Duration wait_;
};

class HoldCalls {
 public:
  HoldCalls(core::Context& parent, const HoldOptions& options, const ShowHold& show);

  // Once. Error: why it does not start.
  core::task<std::expected<void, std::string>> run();
  HoldResult result() const;

 private:
  std::string verify() const;
  core::task<Result<>> serve_and_call();
  core::task<> make_calls(core::Context& context);
  core::task<> start_calls(core::Scope& scope);
  core::task<> call(core::Context& context, http::Client& client);
  core::task<Result<>> request(core::Context& context, http::Client& client);
  HoldWatch::Counts counts() const;

  const HoldOptions options_;
  const Bytes rss_base_;
  core::Context context_;         // cancelled from outside
  const std::uint64_t inflight_;  // at once
  const http::RequestHead head_;

  core::Limit helpers_;      // the server and the watch
  core::Limit connections_;  // of the server
  core::Limit calls_;
  SlowApi api_;
  http::Server server_;
  std::vector<std::unique_ptr<http::Client>> clients_;  // one for each of our addresses

  // Relaxed: counts.
  std::atomic<std::uint64_t> started_{0};
  std::atomic<std::uint64_t> completed_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::array<std::atomic<std::uint64_t>, kHoldReasons> failures_{};
  TimePoint start_{};
  TimePoint last_started_{};
  TimePoint end_{};
  HoldWatch watch_;
};

}  // namespace weir::load::internal

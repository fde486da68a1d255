// A load run at work: dispatchers that start each request at its instant, the
// requests themselves, and a collector that adds up what they recorded.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/http/client.h"
#include "weir/load/load.h"

namespace weir::load::internal {

class LoadRun {
 public:
  LoadRun(core::Context& parent, LoadOptions options, ShowLoad show);

  // Once.
  core::task<std::expected<LoadResult, std::string>> run();

 private:
  // What one processor's requests record, until the collector takes it.
  struct alignas(64) Recorder {
    explicit Recorder(std::size_t groups) : warm_up(groups), measured(groups) {}
    std::mutex lock;
    LoadCounts warm_up;
    LoadCounts measured;
  };
  struct Request {
    RequestMix::Pick pick;
    std::uint64_t number;
    TimePoint due;
    http::Client* client;
  };

  std::string verify() const;
  void open_clients();
  // A connection before the run, so that what is unreachable is said at once.
  core::task<std::expected<void, std::string>> reach();
  // Those that are wanted before the run, as far as the server takes them.
  core::task<> open_ahead();
  static core::task<> open_some(core::Context& context, http::Client& client, std::uint32_t count);
  core::task<> generate(core::Context& context);

  core::task<> dispatch(core::Scope& scope, unsigned share);
  // Until as many have ended as were started in a row, or so long. False: cancelled.
  core::task<bool> let_catch_up(core::Context& context, std::chrono::duration<double, std::nano> most);
  core::task<> repeat(core::Context& context, std::uint32_t connection);
  Request request(std::uint64_t number, TimePoint due, std::uint64_t share) const;
  core::task<> perform(core::Context& context, Request request);
  core::task<Result<int>> exchange(core::Context& context, const Request& request, std::uint64_t& bytes);

  // Calls `note` with what counts requests that were due then, on this processor.
  template <typename Note>
  void note(TimePoint due, Note note);
  void note_ended(const Request& request, TimePoint sent, const LoadOutcome& outcome, std::uint64_t bytes);

  core::task<> collect(core::Context& context);
  void collect_until(TimePoint now);

  const LoadOptions options_;
  const ShowLoad show_;
  core::Context context_;  // cancelled from outside
  const unsigned shares_;
  core::Limit helpers_;
  core::Limit inflight_;
  std::vector<std::unique_ptr<http::Client>> clients_;  // one for each share
  const std::size_t groups_;
  // Of each kind, where all its requests are the same.
  struct Constant {
    http::RequestHead head;
    std::string body;
  };
  std::vector<std::optional<Constant>> constants_;
  std::vector<std::unique_ptr<Recorder>> recorders_;  // one for each processor

  TimePoint start_{};
  TimePoint measured_from_{};
  // Relaxed: counts.
  std::atomic<std::uint64_t> unfinished_{0};

  // The collector's.
  TimePoint collected_at_{};
  double cpu_at_start_ = -1;
  LoadCounts interval_;
  LoadCounts taken_;  // empty between its uses
  LoadResult result_;
};

}  // namespace weir::load::internal

// A drill at work: one part after another, each a load run and its checks.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/task.h"
#include "weir/load/drill.h"

namespace weir::load::internal {

class DrillRun {
 public:
  DrillRun(core::Context& context, DrillOptions options, ShowDrill show);

  // Once.
  core::task<std::expected<DrillResult, std::string>> run();

 private:
  using Done = std::expected<void, std::string>;

  core::task<Done> parts();
  core::task<Done> search();
  core::task<Done> overload();
  core::task<Done> surge();
  core::task<Done> chaos();
  core::task<> disturb(core::Context& context, Duration lead);

  core::task<std::expected<LoadResult, std::string>> measure(std::string phase, std::string rate);
  // As RateProfile reads it.
  static std::string piece(double rate, Duration length);

  void check_knee();
  void check_served(const LoadResult& run);
  void check_refusals(const char* name, const LoadResult& run, Duration most);
  void check_left(const char* name, const LoadResult& run, double rate);
  void check_recovery(const char* name, const LoadResult& run, std::optional<Duration> recovery,
                      Duration most);
  // Of result_.readings.
  void check_server();
  void check_bounds();
  void check_queues(const char* name, const LoadResult& run, double times);
  void check_growth(const LoadResult& run);
  // A check of a run whose plan was not held says nothing.
  void add(const char* name, bool passed, const LoadResult& run, std::string finding);

  core::Context& context_;
  const DrillOptions options_;
  const ShowDrill show_;
  core::Limit helpers_{{.name = "drill.helpers", .limit = 2}};
  std::uint64_t runs_ = 0;
  bool may_be_higher_ = false;  // the knee
  // Of the disturbance.
  TimePoint began_{};
  TimePoint ended_{};
  Done disturbed_;
  DrillResult result_;
};

// Of a run: what a search for the knee wants to know.
RateOutcome outcome_of(const LoadResult& result);
// Requests that a full bound in flight keeps back are the server's doing.
bool held_by_generator(const LoadResult& result);

}  // namespace weir::load::internal

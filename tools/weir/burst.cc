#include "tools/weir/burst.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string_view>
#include <vector>

#include "tools/weir/burst_report.h"
#include "tools/weir/exit_code.h"
#include "tools/weir/interruptible.h"
#include "tools/weir/options.h"
#include "weir/base/memory.h"

namespace weir::tools {
namespace {

struct Outcome {
  std::vector<load::BurstResult> runs;
  std::string refusal;  // why a run did not start
  bool interrupted = false;
};

void show(const load::BurstProgress& progress) {
  std::fprintf(stderr, "%s\n", burst_progress_line(progress).c_str());
}

core::task<> run_all(const BurstVerbOptions& options, core::Context& context, Outcome& outcome) {
  std::vector<load::BurstMode> modes;
  if (options.naive) modes.push_back(load::BurstMode::naive);
  if (options.pool) modes.push_back(load::BurstMode::pool);
  if (options.adaptive) modes.push_back(load::BurstMode::adaptive);
  for (const load::BurstMode mode : modes) {
    if (context.cancelled()) co_return;
    auto run = co_await load::run_burst(context, mode, options.burst, show);
    if (!run) {
      outcome.refusal = std::string(to_string(mode)) + ": " + run.error();
      co_return;
    }
    outcome.runs.push_back(*run);
  }
}

int exit_code_of(const Outcome& outcome) {
  if (outcome.interrupted) return kInterrupted;
  if (!outcome.refusal.empty()) return kUsage;
  int exit_code = kPass;
  for (const load::BurstResult& run : outcome.runs) {
    if (!run.rate_held) return kInconclusive;
    if (!run.within_bound()) exit_code = kFinding;
  }
  return exit_code;
}

struct RawOptions {
  BurstVerbOptions options;
  std::vector<std::string> only;
  double objective_ms = 50;
  double seconds = 30;
  double wait_ms = 20;
};

int burst_from(RawOptions& raw) {
  BurstVerbOptions& options = raw.options;
  const auto runs = [&raw](std::string_view mode) {
    return raw.only.empty() || std::ranges::find(raw.only, mode) != raw.only.end();
  };
  options.naive = runs("naive");
  options.pool = runs("pool");
  options.adaptive = runs("adaptive");
  options.burst.objective = Duration(static_cast<Duration::rep>(raw.objective_ms * 1e6));
  options.burst.length = Duration(static_cast<Duration::rep>(raw.seconds * 1e9));
  options.burst.wait = Duration(static_cast<Duration::rep>(raw.wait_ms * 1e6));
  if (options.burst.memory_cap.count == 0) {
    const std::optional<Bytes> available = memory_available();
    if (!available) {
      std::fprintf(stderr, "weir burst: nothing says how much memory there is: give --memory-cap\n");
      return kUsage;
    }
    options.burst.memory_cap = Bytes{available->count / 2};
  }
  return burst(options);
}

void add_options(CLI::App& verb, RawOptions& raw) {
  load::BurstOptions& burst = raw.options.burst;
  verb.add_option("--rate", burst.rate_per_s, "Submissions a second")
      ->check(CLI::Range(1, 100'000'000))
      ->capture_default_str();
  verb.add_option("--seconds", raw.seconds, "How long jobs are submitted")
      ->check(CLI::Range(0.001, 3600.0))
      ->capture_default_str();
  add_size(verb, "--bytes", burst.bytes, "Allocated by each job, one byte in each 4,096 written [500KB]");
  verb.add_option("--ms", raw.wait_ms, "How long each job waits")
      ->check(CLI::Range(0.0, 60'000.0))
      ->capture_default_str();
  verb.add_option("--workers-min", burst.workers_min, "Workers the pool starts with")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  verb.add_option("--workers", burst.workers_max, "Workers the pool grows to")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  verb.add_option("--queue", burst.queue_capacity, "Jobs that may wait in the pool")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  verb.add_option("--objective-ms", raw.objective_ms,
                  "What a job may take from submission to completion: the adaptive run follows it")
      ->check(CLI::Range(1.0, 60'000.0))
      ->capture_default_str();
  verb.add_option("--only", raw.only, "These runs instead of all: naive, pool, adaptive")
      ->delimiter(',')
      ->check(CLI::IsMember({"naive", "pool", "adaptive"}));
  add_size(verb, "--memory-cap", burst.memory_cap,
           "What a run may take: the naive one is stopped there [half of what is available]");
  verb.add_option("--processors", raw.options.processors,
                  "Processors; 0: what the machine or container gives")
      ->check(CLI::Range(0u, 256u));
  verb.add_flag_callback(
      "--heap", [&burst] { burst.memory = load::MemorySource::heap; },
      "Jobs take their memory from operator new and not from a slab in huge pages");
  verb.add_flag("--json", raw.options.json, "One line of JSON instead of the table");
}

}  // namespace

int burst(const BurstVerbOptions& options) {
  Outcome outcome;
  run_interruptible({.processors = options.processors}, [&](core::Context& context) -> core::task<> {
    co_await run_all(options, context, outcome);
    outcome.interrupted = context.cancelled();
  });
  if (!outcome.refusal.empty()) std::fprintf(stderr, "weir burst: %s\n", outcome.refusal.c_str());
  const std::string report =
      options.json ? burst_json(options.burst, outcome.runs) : burst_table(options.burst, outcome.runs);
  if (!outcome.runs.empty()) std::fputs(report.c_str(), stdout);
  return exit_code_of(outcome);
}

void add_burst(CLI::App& app, int& exit_code) {
  auto raw = std::make_shared<RawOptions>();
  CLI::App* verb =
      app.add_subcommand("burst", "Submit far more jobs than the machine can do, with and without a pool");
  add_options(*verb, *raw);
  verb->footer(
      "Open loop: a submission is due at its time, whatever became of those before. Time\n"
      "inside the job is memory and waiting; time from submission begins when the job was due.\n"
      "\n"
      "Exit code: 0 measured; 1 a run took more memory than it declared; 2 the numbers do not\n"
      "fit the memory cap; 3 the generator could not hold its rate; 130 interrupted.");
  verb->callback([raw, &exit_code] { exit_code = burst_from(*raw); });
}

}  // namespace weir::tools

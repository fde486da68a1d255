#include "tools/weir/hold.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "tools/weir/exit_code.h"
#include "tools/weir/hold_report.h"
#include "tools/weir/interruptible.h"
#include "tools/weir/options.h"
#include "weir/base/memory.h"

namespace weir::tools {
namespace {

using Outcome = std::expected<load::HoldResult, std::string>;

void show(const load::HoldProgress& progress) {
  std::fprintf(stderr, "%s\n", hold_progress_line(progress).c_str());
}

int exit_code_of(const Outcome& outcome) {
  if (!outcome) return kUsage;
  if (outcome->interrupted) return kInterrupted;
  const bool all_accounted_for = outcome->completed + outcome->refused == outcome->tasks;
  return all_accounted_for || outcome->stopped_by_cap ? kPass : kFinding;
}

struct RawOptions {
  HoldVerbOptions options;
  CLI::Option* tasks = nullptr;
};

// What is left out follows from what there is.
int hold_from(RawOptions& raw) {
  load::HoldOptions& hold_options = raw.options.hold;
  if (hold_options.memory_cap.count == 0) {
    const std::optional<Bytes> available = memory_available();
    if (!available) {
      std::fprintf(stderr, "weir hold: nothing says how much memory there is: give --memory-cap\n");
      return kUsage;
    }
    hold_options.memory_cap = Bytes{available->count - available->count / 16};
  }
  if (hold_options.calls) {
    load::raise_descriptor_limit();  // where it is refused, there are fewer
    hold_options.bound = load::inflight_bound(load::read_inflight_ground(hold_options.memory_cap));
    const std::uint64_t most = hold_options.bound.least();
    if (raw.tasks->count() == 0) hold_options.tasks = std::max<std::uint64_t>(most, 1);
    if (hold_options.inflight <= most && most > 0 && !hold_options.unbounded) {
      std::fputs(hold_bound_text(hold_options).c_str(), stderr);
    }
  }
  return hold(raw.options);
}

void add_options(CLI::App& verb, RawOptions& raw) {
  load::HoldOptions& hold = raw.options.hold;
  raw.tasks =
      verb.add_option("--tasks", hold.tasks, "How many [1000000; with --calls as many as can be in flight]")
          ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{10'000'000'000}));
  add_duration(verb, "--for", hold.wait, "How long each waits [10s]");
  CLI::Option* calls = verb.add_flag(
      "--calls", hold.calls, "Each makes an HTTP request to a local API, which answers after that time");
  CLI::Option* inflight =
      verb.add_option("--inflight", hold.inflight,
                      "Calls at once; others queue [what descriptors, ports and memory allow]")
          ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{10'000'000'000}))
          ->needs(calls);
  CLI::Option* shed =
      verb.add_flag("--shed", hold.shed, "Calls over that bound are refused and do not queue")->needs(calls);
  CLI::Option* unbounded =
      verb.add_flag("--unbounded", hold.unbounded, "No bound but the memory cap, at which it is stopped");
  CLI::Option* touch =
      verb.add_flag("--touch", hold.touch, "First measure how long it takes to touch as much fresh memory");
  unbounded->excludes(inflight)->excludes(shed)->excludes(touch);
  touch->excludes(calls);
  add_size(verb, "--memory-cap", hold.memory_cap, "Memory the program may take [15/16 of what is available]");
  verb.add_option("--processors", raw.options.processors,
                  "Processors; 0: what the machine or container gives")
      ->check(CLI::Range(0u, 256u));
  verb.add_flag("--json", raw.options.json, "One line of JSON instead of the table");
}

}  // namespace

int hold(const HoldVerbOptions& options) {
  Outcome outcome = std::unexpected("did not run");
  run_interruptible({.processors = options.processors}, [&](core::Context& context) -> core::task<> {
    outcome = co_await load::run_hold(context, options.hold, show);
  });
  if (!outcome) {
    std::fprintf(stderr, "weir hold: %s\n", outcome.error().c_str());
  } else {
    const std::string report =
        options.json ? hold_json(options.hold, *outcome) : hold_table(options.hold, *outcome);
    std::fputs(report.c_str(), stdout);
  }
  return exit_code_of(outcome);
}

void add_hold(CLI::App& app, int& exit_code) {
  auto raw = std::make_shared<RawOptions>();
  CLI::App* verb = app.add_subcommand("hold", "Hold very many waiting tasks at once, or calls in flight");
  add_options(*verb, *raw);
  verb->footer(
      "Tasks that only wait are all asleep before the first wakes. Calls are made to an API\n"
      "in the same program over loopback, on connections that are kept.\n"
      "\n"
      "Exit code: 0 all completed, or were refused by a bound or the cap; 1 some failed; 2 the\n"
      "numbers do not fit; 130 interrupted.");
  verb->callback([raw, &exit_code] { exit_code = hold_from(*raw); });
}

}  // namespace weir::tools

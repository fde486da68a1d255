#include "tools/weir/chaos.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "tools/weir/chaos_file.h"
#include "tools/weir/chaos_report.h"
#include "tools/weir/command_line.h"
#include "tools/weir/exit_code.h"
#include "tools/weir/guarded.h"
#include "tools/weir/interruptible.h"
#include "tools/weir/load_target.h"
#include "tools/weir/options.h"
#include "tools/weir/terminal.h"
#include "weir/chaos/chaos_run.h"
#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"

namespace weir::tools {
namespace {

constexpr const char* kName = "weir chaos";

struct RawOptions {
  std::string file;
  // Instead of the file.
  std::string listen;
  std::string upstream;
  bool http = false;
  std::vector<std::string> faults;
  bool check = false;
  ChaosVerbOptions verb;
};

core::task<> keep_shown(core::Context& context, const chaos::ChaosRun& run) {
  while (co_await core::sleep_for(context, 1s)) {
    std::fprintf(stderr, "\r\x1b[K%s", chaos_progress_line(run).c_str());
    std::fflush(stderr);
  }
  std::fputs("\n", stderr);
}

core::task<Result<chaos::ChaosResult>> play(core::Context& context, chaos::ChaosRun& run) {
  core::Limit helpers({.name = "view", .limit = 1});
  Result<chaos::ChaosResult> result;
  static_cast<void>(co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
    if (redraws(stderr)) {
      scope.spawn(std::move(*helpers.try_acquire()), keep_shown(scope.context(), run));
    }
    result = co_await run.play(context);
    scope.cancel();
  }));
  co_return result;
}

int run_once(const ChaosVerbOptions& options, const std::vector<chaos::BoundProxy>& bound, bool plain) {
  const bool draws = redraws(stderr);
  chaos::ChaosRun run(options.scenario, bound,
                      {.plain = plain,
                       .stay = options.stay,
                       .drain = options.drain,
                       .proxies = {.connections_max = options.connections_max},
                       .on_change = [draws](const chaos::ChaosRun& now) {
                         if (!draws) std::fprintf(stderr, "%s\n", chaos_progress_line(now).c_str());
                       }});
  Result<chaos::ChaosResult> result;
  run_interruptible({.processors = options.processors},
                    [&](core::Context& context) -> core::task<> { result = co_await play(context, run); });
  if (!result) {
    std::fprintf(stderr, "%s: %s\n", kName, result.error().message().c_str());
    return kInternal;
  }
  const chaos::Tolerance tolerance;
  const std::string text = options.json ? chaos_json(options.scenario, *result, tolerance, command_line())
                                        : chaos_table(options.scenario, *result, tolerance);
  std::fputs(text.c_str(), stdout);
  return chaos_exit_code(*result);
}

// What the options say, as a file would.
chaos::ScenarioParsed scenario_of(const RawOptions& raw) {
  constexpr const char* kLength = "24h";  // the longest there is: until Ctrl-C
  std::string text = fmt::format(
      "length: {}\nproxies:\n  - {{ name: proxy, listen: \"{}\", upstream: \"{}\", protocol: {} }}\n",
      kLength, raw.listen, raw.upstream, raw.http ? "http" : "tcp");
  if (!raw.faults.empty()) text += "events:\n";
  for (const std::string& fault : raw.faults) {
    text += fmt::format("  - {{ at: 0s, for: {}, on: proxy, fault: {} }}\n", kLength, fault);
  }
  return chaos::parse_scenario("options", text);
}

int chaos_from(RawOptions& raw) {
  if (raw.file.empty()) {
    if (raw.listen.empty() || raw.upstream.empty())
      refuse_option("file", "or --listen and --upstream are needed");
    raw.file = "options";
  }
  std::optional<chaos::Scenario> scenario =
      accept_scenario(raw.listen.empty() ? chaos::load_scenario(raw.file) : scenario_of(raw));
  if (!scenario) return kUsage;
  if (raw.check) {
    std::printf("%s: %zu proxies, %zu events, %s\n", raw.file.c_str(), scenario->proxies.size(),
                scenario->events.size(), to_string(scenario->length).c_str());
    return kPass;
  }
  if (!only_at_proxies(raw.file, *scenario)) return kUsage;
  raw.verb.scenario = std::move(*scenario);
  return run_chaos(raw.verb);
}

void add_options(CLI::App& verb, RawOptions& raw) {
  ChaosVerbOptions& options = raw.verb;
  CLI::Option* file = verb.add_option("file", raw.file, "What happens to which connections, and when")
                          ->type_name("scenario.yaml");
  CLI::Option* listen = verb.add_option("--listen", raw.listen, "Without a file: one proxy here")
                            ->type_name("HOST:PORT")
                            ->excludes(file);
  verb.add_option("--upstream", raw.upstream, "Before what listens there")
      ->type_name("HOST:PORT")
      ->needs(listen);
  verb.add_flag("--http", raw.http, "It is HTTP")->needs(listen);
  verb.add_option("--fault", raw.faults,
                  "And is done harm until Ctrl-C, in the words of a file: 'delay, delay: 50ms'")
      ->needs(listen);
  verb.add_flag("--check", raw.check, "Only read the file; every mistake at once");
  verb.add_flag("--stay", options.stay, "Go on without faults when it is over, until Ctrl-C");
  add_duration(verb, "--drain", options.drain, "How long open connections have at the end [2s]");
  verb.add_option("--connections", options.connections_max, "Of each proxy at once; more are reset")
      ->check(CLI::Range(1u, 1'000'000u))
      ->capture_default_str();
  verb.add_option("--processors", options.processors, "Processors; 0: what the machine or container gives")
      ->check(CLI::Range(0u, 256u));
  verb.add_flag("--json", options.json, "One line of JSON instead of the table");
}

}  // namespace

int run_chaos(const ChaosVerbOptions& options) {
  const auto bound = listen_for(options.scenario, kName, options.processors);
  if (!bound) return kUsage;
  say_where_they_listen(kName, options.scenario, *bound);
  return run_guarded(kName, [&](bool again) { return run_once(options, *bound, again); });
}

void add_chaos(CLI::App& app, int& exit_code) {
  auto raw = std::make_shared<RawOptions>();
  CLI::App* verb = app.add_subcommand("chaos", "Stand between a service and what it needs, and do it harm");
  add_options(*verb, *raw);
  verb->footer(
      "Bytes pass as they are until the file's time for a fault has come; it is felt at once, by\n"
      "open connections too, and lifted at its end. Should the process that does it die, another\n"
      "takes its place and passes bytes without any fault. docs/chaos-scenario.md has the format.\n"
      "\n"
      "Exit code: 0 all was done as asked; 1 something was not, within the tolerance said in the\n"
      "result; 2 a mistake in the file or an address that cannot be used; 3 inconclusive: for some\n"
      "fault there was nothing to do it to; 4 it was killed and went on without faults; 130\n"
      "interrupted, with a report of what was done.");
  verb->callback([raw, &exit_code] { exit_code = chaos_from(*raw); });
}

}  // namespace weir::tools

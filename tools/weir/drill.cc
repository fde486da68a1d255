#include "tools/weir/drill.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "tools/weir/command_line.h"
#include "tools/weir/drill_chaos.h"
#include "tools/weir/drill_report.h"
#include "tools/weir/exit_code.h"
#include "tools/weir/html_report.h"
#include "tools/weir/interruptible.h"
#include "tools/weir/load_report.h"
#include "tools/weir/load_target.h"
#include "tools/weir/options.h"
#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/load/drill_file.h"
#include "weir/load/target_url.h"

namespace weir::tools {
namespace {

constexpr const char* kName = "weir drill";

struct RawOptions {
  LoadTargetOptions target;
  DrillVerbOptions verb{.drill = {.load = {.mix = load::RequestMix({{.name = "all"}})}}};
  double knee = 0;
  std::vector<std::string> only;
  std::string admin;
};

constexpr const char* kOverload = "overload";
constexpr const char* kSurge = "surge";
constexpr const char* kChaos = "chaos";

load::ServerWatch::Options watch_of(const std::string& url) {
  const load::TargetUrl at = or_usage("--admin", load::TargetUrl::parse(url));
  if (at.tls) refuse_option("--admin", "the metrics are read over http:// only");
  return {.address = address_of("--admin", at.host, at.port),
          .authority = at.authority(),
          .target = at.target == "/" ? "/metrics" : at.target};
}

int drill_from(RawOptions& raw) {
  DrillVerbOptions& options = raw.verb;
  raw.target.apply(options.drill.load);
  options.url = raw.target.url();
  options.command = command_line();
  if (raw.knee > 0) options.drill.knee = raw.knee;
  if (!raw.admin.empty()) options.drill.watch = watch_of(raw.admin);
  if (!raw.only.empty()) {
    const auto wanted = [&](const char* part) { return std::ranges::find(raw.only, part) != raw.only.end(); };
    options.drill.overload.wanted = wanted(kOverload);
    options.drill.surge.wanted = wanted(kSurge);
  }
  load::KneeSearch::Options& search = options.drill.search;
  search.lowest = std::min(search.lowest, search.from);
  if (search.to < search.from) refuse_option("--to", "is below --from");
  return drill(options);
}

void add_options(CLI::App& verb, RawOptions& raw) {
  load::DrillOptions& drill = raw.verb.drill;
  const auto rate = CLI::Range(0.1, load::RateProfile::kRateMax);
  raw.target.add(verb);
  // Read while the line is, so that what other options say comes after it.
  verb.add_option_function<std::string>(
          "--thresholds",
          [&drill](const std::string& file) { or_usage("--thresholds", load::read_drill_file(file, drill)); },
          "A YAML file with the objective, lengths and thresholds; options win over it")
      ->type_name("FILE")
      ->trigger_on_parse();
  verb.add_option("--only", raw.only, "After the knee, of the tests only these")
      ->delimiter(',')
      ->check(CLI::IsMember({kOverload, kSurge, kChaos}));
  verb.add_option("--admin", raw.admin,
                  "The service's metrics (http://host:port[/metrics]): its bounds, tasks and memory are\n"
                  "held against their promises")
      ->type_name("URL");
  verb.add_option("--chaos", raw.verb.chaos_file,
                  "After the other tests: below the knee, while this scenario's faults are done by its\n"
                  "proxies, which the service under test reaches its dependencies by")
      ->type_name("FILE");
  add_duration(verb, "--p99", drill.search.objective.p99,
               "The objective: 99% of good replies within [100ms]");
  verb.add_option("--good", drill.search.objective.good_share,
                  "The objective: the share that is answered well")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  verb.add_option("--knee", raw.knee, "The rate it can do, if known: it is not looked for")->check(rate);
  verb.add_option("--from", drill.search.from, "The search starts at this rate")
      ->check(rate)
      ->capture_default_str();
  verb.add_option("--to", drill.search.to, "And goes no higher")->check(rate)->capture_default_str();
  verb.add_option("--precision", drill.search.precision, "How far apart the rates around the knee may be")
      ->check(CLI::Range(0.001, 1.0))
      ->capture_default_str();
  add_duration(verb, "--step", drill.search.step, "How long each rate of the search is measured [3s]");
  add_duration(verb, "--hold", drill.search.hold, "How long the knee is confirmed [15s]");
  add_duration(verb, "--warm-up", drill.warm_up, "Of each run, and not counted [1s]");
  add_duration(verb, "--overload", drill.overload.length, "How long twice the knee is asked for [20s]");
  add_duration(verb, "--surge", drill.surge.length, "How long five times the knee is asked for [30s]");
  add_duration(verb, "--rest", drill.surge.rest_length, "How long half of it after that [30s]");
  verb.add_option("--goodput", drill.overload.goodput_min,
                  "Under overload, the share of the knee that is still done")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  add_duration(verb, "--refusal", drill.overload.refusal_p99, "99% of refusals within [100ms]");
  add_duration(verb, "--recovery", drill.surge.recovery_max,
               "All is normal again so soon after the surge [5s]");
  verb.add_option("--junit", raw.verb.junit_file, "Writes the checks to this file, for CI systems");
  verb.add_option("--html", raw.verb.html_file, "Writes a report for a browser to this file");
  verb.add_option("--processors", raw.verb.processors, "Processors; 0: what the machine or container gives")
      ->check(CLI::Range(0u, 256u));
  verb.add_flag("--json", raw.verb.json, "One line of JSON instead of the tables");
}

int exit_code_of(const load::DrillResult& result) {
  if (result.interrupted) return kInterrupted;
  for (const load::DrillCheck& check : result.checks) {
    if (!check.passed && !check.inconclusive) return kFinding;
  }
  return result.inconclusive() ? kInconclusive : kPass;
}

void show(const std::string& phase, const load::LoadInterval* interval) {
  if (interval == nullptr) {
    std::fprintf(stderr, "%s\n", phase.c_str());
  } else {
    std::fprintf(stderr, "  %s\n", load_progress_line(*interval, Duration::zero()).c_str());
  }
}

}  // namespace

int drill(DrillVerbOptions options) {
  std::unique_ptr<DrillChaos> chaos;
  if (!options.chaos_file.empty()) {
    chaos = DrillChaos::load(options.chaos_file, options.processors);
    if (!chaos) return kUsage;
    options.drill.disturbance = chaos->disturbance();
  }
  std::expected<load::DrillResult, std::string> result = std::unexpected("did not run");
  run_interruptible({.processors = options.processors}, [&](core::Context& context) -> core::task<> {
    core::Limit proxies({.name = "proxies", .limit = 1});
    static_cast<void>(co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
      if (chaos) scope.spawn(std::move(*proxies.try_acquire()), chaos->serve(scope.context()));
      result = co_await load::run_drill(context, options.drill, show);
      scope.cancel();
    }));
  });
  if (!result) {
    std::fprintf(stderr, "%s: %s\n", kName, result.error().c_str());
    return kUsage;
  }
  const std::string report = options.json ? drill_json(options, *result) : drill_table(options, *result);
  std::fputs(report.c_str(), stdout);
  bool written =
      options.junit_file.empty() || write_result(kName, options.junit_file, drill_junit(options, *result));
  if (!options.html_file.empty()) {
    written &= write_result(kName, options.html_file,
                            html_page("Drill of " + options.url, page_data(options, *result)));
  }
  return written ? exit_code_of(*result) : kInternal;
}

void add_drill(CLI::App& app, int& exit_code) {
  auto raw = std::make_shared<RawOptions>();
  CLI::App* verb =
      app.add_subcommand("drill", "Find the highest rate a server keeps its objective at, then ask for more");
  add_options(*verb, *raw);
  verb->footer(
      "Its tests: the knee, which is the highest rate that keeps the objective; twice the\n"
      "knee, where what is admitted should stay quick and the rest be refused at once; five\n"
      "times the knee and then half of it, after which all should soon be normal again; with\n"
      "--chaos, half the knee while dependencies fail. docs/drill.md says what is checked.\n"
      "\n"
      "Exit code: 0 all checks passed; 1 one failed; 2 it could not start; 3 inconclusive: the\n"
      "generator could not keep its rate, or the server was not steady; 4 a result could not\n"
      "be written; 130 interrupted.");
  verb->callback([raw, &exit_code] { exit_code = drill_from(*raw); });
}

}  // namespace weir::tools

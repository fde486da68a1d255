#include "tools/weir/load.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <sstream>

#include "tools/weir/command_line.h"
#include "tools/weir/exit_code.h"
#include "tools/weir/html_report.h"
#include "tools/weir/interruptible.h"
#include "tools/weir/load_compare.h"
#include "tools/weir/load_report.h"
#include "tools/weir/load_target.h"
#include "tools/weir/load_view.h"
#include "tools/weir/options.h"
#include "weir/load/hgrm.h"
#include "weir/load/load_record.h"

namespace weir::tools {
namespace {

constexpr const char* kName = "weir load";

using Outcome = std::expected<load::LoadResult, std::string>;

struct RawOptions {
  LoadTargetOptions target;
  std::string rate;
  std::string replay_file;
  bool poisson = false;
  std::vector<std::string> merge_files;
  CompareVerbOptions compare;
  CLI::Option* connections = nullptr;
  LoadVerbOptions verb{.load = {.mix = load::RequestMix({{.name = "all"}})}};
};

std::optional<load::Arrivals> plan_from(const RawOptions& raw) {
  if (!raw.replay_file.empty()) {
    std::istringstream file(read_file_of("--replay", raw.replay_file));
    auto recorded = load::read_arrivals(file);
    if (!recorded) refuse_option("--replay", raw.replay_file + ": " + recorded.error());
    return load::Arrivals(std::move(*recorded));
  }
  if (raw.rate.empty()) return std::nullopt;
  return load::Arrivals(or_usage("--rate", load::RateProfile::parse(raw.rate, raw.verb.load.length)),
                        raw.poisson ? load::Spacing::poisson : load::Spacing::even, raw.verb.load.seed);
}

std::string plan_text(const RawOptions& raw) {
  if (!raw.replay_file.empty()) return "replay of " + raw.replay_file;
  if (raw.rate.empty()) return std::to_string(raw.verb.load.connections) + " connections";
  return raw.rate + (raw.poisson ? "/s, Poisson" : "/s");
}

int exit_code_of(const load::LoadRecord& record) {
  if (record.result.interrupted) return kInterrupted;
  if (record.open && !record.result.plan_held()) return kInconclusive;
  return record.redirected() ? kFinding : kPass;
}

int report(const LoadVerbOptions& options, const load::LoadRecord& record) {
  const std::string text = options.json ? to_json(record, load::Detail::summary) : load_table(record);
  std::fputs(text.c_str(), stdout);
  bool written =
      options.out_file.empty() || write_result(kName, options.out_file, to_json(record, load::Detail::all));
  if (!options.hgrm_file.empty()) {
    written &= write_result(kName, options.hgrm_file, load::to_hgrm(record.result.counts.all.whole()));
  }
  if (!options.html_file.empty()) {
    written &= write_result(kName, options.html_file, html_page("Load on " + record.url, page_data(record)));
  }
  return written ? exit_code_of(record) : kInternal;
}

int merge(const RawOptions& raw) {
  std::optional<load::LoadRecord> all;
  for (const std::string& file : raw.merge_files) {
    auto record = load::parse_record(read_file_of("--merge", file));
    if (!record) refuse_option("--merge", file + ": " + record.error());
    if (!all) {
      all = std::move(*record);
    } else if (auto added = add(*all, *record); !added) {
      refuse_option("--merge", file + ": " + added.error());
    }
  }
  return report(raw.verb, *all);
}

int load_from(RawOptions& raw) {
  if (!raw.merge_files.empty()) return merge(raw);
  if (!raw.compare.sides.empty()) {
    raw.compare.html_file = raw.verb.html_file;
    raw.compare.json = raw.verb.json;
    return load_compare(raw.compare);
  }
  LoadVerbOptions& options = raw.verb;
  raw.target.apply(options.load);
  options.load.plan = plan_from(raw);
  if (!options.load.plan && raw.connections->count() == 0) {
    refuse_option("--rate", "say how many requests a second (or --closed for as many as go)");
  }
  options.url = raw.target.url();
  options.plan = plan_text(raw);
  options.command = command_line();
  return load_once(options);
}

void add_plan_options(CLI::App& verb, RawOptions& raw) {
  CLI::Option* rate = verb.add_option(
      "-r,--rate", raw.rate,
      "Requests a second: 1000, a ramp 100..1000, steps 100,200,400, or pieces 100x30s,100..800x1m");
  CLI::Option* replay =
      verb.add_option("--replay", raw.replay_file,
                      "Send at the instants in this file: one a line, in seconds from the start");
  raw.connections =
      verb.add_option("--closed", raw.verb.load.connections,
                      "Closed loop on so many connections: each sends when its last was answered")
          ->check(CLI::Range(1u, 1'000'000u));
  CLI::Option* poisson = verb.add_flag("--poisson", raw.poisson,
                                       "Arrivals as of many users who know nothing of one another, not even");
  rate->excludes(replay)->excludes(raw.connections);
  replay->excludes(raw.connections);
  poisson->needs(rate);
  add_duration(verb, "-d,--duration", raw.verb.load.length, "How long, where the rate does not say it [10s]");
  add_duration(verb, "--interval", raw.verb.load.interval,
               "How finely what happened when is kept, at least 10ms; 3,600 intervals at most [1s]");
  add_duration(verb, "--warm-up", raw.verb.load.warm_up, "At the beginning, and not counted [none]");
}

void add_options(CLI::App& verb, RawOptions& raw) {
  raw.target.add(verb);
  add_plan_options(verb, raw);
  CLI::Option* out =
      verb.add_option("--out", raw.verb.out_file, "Writes all that was measured to this file, as JSON");
  CLI::Option* merge = verb.add_option(
      "--merge", raw.merge_files, "No run: adds up what generators wrote (--out) that ran at the same time");
  CLI::Option* hgrm =
      verb.add_option("--hgrm", raw.verb.hgrm_file, "Writes the latencies' distribution to this file");
  verb.add_option("--html", raw.verb.html_file, "Writes a report for a browser to this file");
  merge->excludes("URL");
  verb.add_option("--compare", raw.compare.sides,
                  "No run: compares what was written (--out), BASE.json OTHER.json..., with confidence "
                  "intervals; runs that were repeated are given as A1.json,A2.json")
      ->excludes("URL")
      ->excludes(merge)
      ->excludes(out)
      ->excludes(hgrm);
  verb.add_option("--processors", raw.verb.processors, "Processors; 0: what the machine or container gives")
      ->check(CLI::Range(0u, 256u));
  verb.add_flag("--json", raw.verb.json, "One line of JSON instead of the table");
}

}  // namespace

int load_once(const LoadVerbOptions& options) {
  Outcome outcome = std::unexpected("did not run");
  const Duration planned = options.load.plan ? options.load.plan->length() : options.load.length;
  LoadView view(stderr, options.url + "  " + options.plan, planned, options.load.plan.has_value());
  run_interruptible({.processors = options.processors}, [&](core::Context& context) -> core::task<> {
    outcome = co_await load::run_load(context, options.load,
                                      [&](const load::LoadInterval& interval) { view.show(interval); });
  });
  if (!outcome) {
    std::fprintf(stderr, "%s: %s\n", kName, outcome.error().c_str());
    return kUsage;
  }
  load::LoadRecord record(std::move(*outcome));
  record.url = options.url;
  record.open = options.load.plan.has_value();
  record.plan = options.plan;
  record.command = options.command;
  record.seed = options.load.seed;
  record.timely = options.load.timely;
  record.inflight_max = record.open ? options.load.inflight_max : options.load.connections;
  record.groups = options.load.mix.groups();
  return report(options, record);
}

void add_load(CLI::App& app, int& exit_code) {
  auto raw = std::make_shared<RawOptions>();
  CLI::App* verb =
      app.add_subcommand("load", "Send requests at given instants and measure what becomes of them");
  add_options(*verb, *raw);
  verb->footer(
      "Open loop: a request is due at its instant, whatever became of those before, and its\n"
      "latency counts from then. Timeouts and errors count as latencies too. URL, fields and\n"
      "body may hold {{n}}, the number of the request, and {{random:1..1000}}.\n"
      "\n"
      "Exit code: 0 measured; 1 the URL redirects; 2 it could not start; 3 inconclusive: fewer\n"
      "than 99.9% of the requests were sent on time (or in a run that is compared); 4 a result\n"
      "could not be written; 130 interrupted, with a report of what was measured.");
  verb->callback([raw, &exit_code] { exit_code = load_from(*raw); });
}

}  // namespace weir::tools

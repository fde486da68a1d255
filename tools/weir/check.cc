#include "tools/weir/check.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "tools/weir/exit_code.h"
#include "tools/weir/terminal.h"
#include "weir/service/check_report.h"
#include "weir/service/config.h"
#include "weir/service/config_changes.h"
#include "weir/service/yaml_overlay.h"

namespace weir::tools {

namespace {

// What a gateway that runs `running` would make of `file`.
std::string difference(const service::GatewayConfig& running, const service::GatewayConfig& read) {
  const auto changes = service::config_changes(running, read);
  std::string text;
  for (const auto& change : changes) text += "  " + change.text() + '\n';
  return changes.empty() ? "  no change\n" : text;
}

}  // namespace

int check_files(const CheckOptions& options) {
  const auto colour = shows_colour(stdout) ? service::Colour::yes : service::Colour::no;
  int exit_code = kPass;
  bool first = true;
  std::optional<service::CheckedConfig> running;
  if (!options.against.empty()) {
    service::Parsed parsed = service::load_config(options.against, options.overlays);
    if (!parsed) {
      std::fputs(parsed.error().text(colour).c_str(), stdout);
      return kUsage;
    }
    running = std::move(*parsed);
  }
  for (const std::string& file : options.files) {
    const service::Parsed parsed = service::load_config(file, options.overlays);
    if (!parsed) exit_code = kUsage;
    if (options.print && parsed) {
      std::fputs(parsed->warnings.text(colour).c_str(), stderr);
      std::fputs(service::print_yaml(parsed->tree, parsed->warnings).c_str(), stdout);
      continue;
    }
    if (running && parsed) {
      std::fputs(parsed->warnings.text(colour).c_str(), stderr);
      std::fputs(difference(running->config, parsed->config).c_str(), stdout);
      continue;
    }
    if (!options.json && !first) std::fputc('\n', stdout);
    first = false;
    const std::string report =
        options.json ? service::check_json(file, parsed) : service::check_report(file, parsed, colour);
    std::fputs(report.c_str(), stdout);
  }
  return exit_code;
}

void add_check(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* verb = app.add_subcommand("check", "Say what is wrong with a bounds file, all at once");
  verb->add_option("files", options->files, "Bounds files: see docs/bounds-yaml.md")
      ->type_name("bounds.yaml");
  verb->add_option("--overlay", options->overlays,
                   "Put this file on each of them first; may be given again, the last is on top")
      ->type_name("overlay.yaml")
      ->allow_extra_args(false);
  verb->add_option("--against", options->against,
                   "Say what a gateway that runs this file would change on a reload")
      ->type_name("running.yaml");
  verb->add_flag("--print", options->print,
                 "Print a right file with its overlays on it, and where each value comes from");
  verb->add_flag("--json", options->json, "One line of JSON for each file instead of text");
  verb->footer(
      "Each mistake is file:line:column: error: what is wrong; what would be right.\n"
      "A right file is answered with the bounds it declares. `weir serve` refuses the\n"
      "same files with the same words; `weir serve --print-config` prints one to start from.\n"
      "\n"
      "Exit code: 0 right, warnings or not; 2 a mistake, or a file that cannot be read.");
  verb->callback([verb, options, &exit_code] {
    if (options->files.empty()) {
      std::fprintf(stderr, "weir check: which file?\n\n%s", verb->help("weir").c_str());
      exit_code = kUsage;
      return;
    }
    exit_code = check_files(*options);
  });
}

}  // namespace weir::tools

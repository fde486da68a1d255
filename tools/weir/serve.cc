#include "tools/weir/serve.h"

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>

#include "tools/weir/exit_code.h"
#include "tools/weir/serve_chaos.h"
#include "tools/weir/terminal.h"
#include "weir/core/signals.h"
#include "weir/service/config.h"
#include "weir/service/demo_config.h"
#include "weir/service/gateway_server.h"
#include "weir/service/yaml_overlay.h"

namespace weir::tools {
namespace {

bool override_address(const char* option, const std::string& text, service::HostPort& address) {
  if (text.empty()) return true;
  const auto parsed = service::parse_listen_address(text);
  if (!parsed) {
    std::fprintf(stderr, "weir serve: %s: %s\n", option, parsed.error().text().c_str());
    return false;
  }
  address = *parsed;
  return true;
}

service::Parsed load(const ServeOptions& options) {
  if (!options.file.empty()) return service::load_config(options.file, options.overlays);
  return service::parse_config(std::string(service::kDemoConfigName), service::demo_config());
}

bool override_addresses(const ServeOptions& options, service::GatewayConfig& config) {
  return override_address("--listen", options.listen, config.listen) &&
         override_address("--admin", options.admin, config.admin);
}

// For a reload: what the command line said goes on counting.
service::Parsed load_again(const ServeOptions& options) {
  service::Parsed parsed = load(options);
  if (parsed) override_addresses(options, parsed->config);
  return parsed;
}

// The file as it is, once it has been found right; with overlays, what came of them.
int print_config(const ServeOptions& options, const service::CheckedConfig& checked) {
  if (!options.overlays.empty()) {
    std::fputs(service::print_yaml(checked.tree, checked.warnings).c_str(), stdout);
    return kPass;
  }
  if (options.file.empty()) {
    const std::string_view text = service::demo_config();
    std::fwrite(text.data(), 1, text.size(), stdout);
    return kPass;
  }
  std::ifstream file(options.file);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kPass;
}

void announce(std::string_view line) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
  std::fflush(stderr);
}

}  // namespace

int serve(const ServeOptions& options) {
  if (options.file.empty() && !options.overlays.empty()) {
    std::fputs("weir serve: --overlay needs a file to be put on\n", stderr);
    return kUsage;
  }
  service::Parsed parsed = load(options);
  const auto colour = shows_colour(stderr) ? service::Colour::yes : service::Colour::no;
  if (!parsed) {
    std::fputs(parsed.error().text(colour).c_str(), stderr);
    return kUsage;
  }
  std::fputs(parsed->warnings.text(colour).c_str(), stderr);
  if (options.print_config) return print_config(options, *parsed);
  service::GatewayConfig& config = parsed->config;
  if (!override_addresses(options, config)) return kUsage;
  if (service::meet(config.listen, config.admin)) {
    std::fprintf(stderr, "weir serve: requests and admin pages cannot both be at %s\n",
                 config.listen.text().c_str());
    return kUsage;
  }
  service::GatewayRunOptions run{.processors = options.processors,
                                 .over_budget = options.over_budget == "warn",
                                 .show_proof = options.show_proof,
                                 .announce = announce};
  std::unique_ptr<ServeChaos> chaos;
  if (!options.chaos.empty()) {
    chaos = ServeChaos::load(options.chaos, options.processors);
    if (!chaos) return kUsage;
    chaos->announce();
    run.beside = [&chaos](service::GatewayParts parts) { return chaos->run(parts); };
    run.notice = [&chaos] { return chaos->notice(); };
  }
  if (!options.file.empty()) run.load = [options] { return load_again(options); };
  core::SignalSet::block({SIGINT, SIGTERM, SIGHUP});
  return service::run_gateway(config, run);
}

void add_serve(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* verb = app.add_subcommand("serve", "Stand in front of services and keep to their bounds");
  verb->add_option("file", options->file, "Bounds file; without one, a demo on an embedded upstream")
      ->type_name("bounds.yaml");
  verb->add_option("--overlay", options->overlays,
                   "Put this file on the bounds file; may be given again, the last is on top")
      ->type_name("overlay.yaml")
      ->allow_extra_args(false);
  verb->add_option("--listen", options->listen,
                   "Listen here instead of where the file says; port 0: a free one")
      ->type_name("HOST:PORT");
  verb->add_option("--admin", options->admin, "The same for the admin pages")->type_name("HOST:PORT");
  verb->add_option("--processors", options->processors, "Processors; 0: what the machine or container gives")
      ->check(CLI::Range(0u, 256u));
  verb->add_option("--chaos", options->chaos,
                   "Play this scenario of faults inside the gateway; it is said loudly, and taken back")
      ->type_name("scenario.yaml");
  verb->add_flag("--proof", options->show_proof,
                 "Print what the bounds allow at worst against what the machine has");
  verb->add_option("--over-budget", options->over_budget,
                   "Where that is more: refuse to start, or warn and go on")
      ->check(CLI::IsMember({"refuse", "warn"}))
      ->capture_default_str();
  verb->add_flag("--print-config", options->print_config,
                 "Print the bounds file that would be used, and end");
  verb->footer(
      "SIGHUP, or POST /-/reload to the admin port, reads the files again: limits, timeouts\n"
      "and the like change at once, permits held stay valid. A file with a mistake, or one\n"
      "that changes what needs a restart, changes nothing and is answered with why.\n"
      "\n"
      "SIGTERM and Ctrl-C drain: /readyz turns to 503, nothing new is accepted, what is in\n"
      "flight has until drain.deadline. A second one ends it at once.\n"
      "\n"
      "Exit code: 0 after a drain; 2 a mistake in the file or an address that cannot be\n"
      "used; 130 when a second signal cut the drain short.");
  verb->callback([options, &exit_code] { exit_code = serve(*options); });
}

}  // namespace weir::tools

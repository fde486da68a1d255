// The command `weir <verb>`. Each verb has a file of its own; here they only meet.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "tools/weir/burst.h"
#include "tools/weir/chaos.h"
#include "tools/weir/check.h"
#include "tools/weir/drill.h"
#include "tools/weir/exit_code.h"
#include "tools/weir/hold.h"
#include "tools/weir/load.h"
#include "tools/weir/serve.h"
#include "weir/service/suggest.h"

namespace weir::tools {
namespace {

void add_verbs(CLI::App& app, int& exit_code) {
  add_serve(app, exit_code);
  add_check(app, exit_code);
  add_burst(app, exit_code);
  add_hold(app, exit_code);
  add_load(app, exit_code);
  add_drill(app, exit_code);
  add_chaos(app, exit_code);
}

// True where the first word is no verb, and has been said to be none.
bool refuse_unknown_verb(const CLI::App& app, std::string_view word) {
  if (word.starts_with('-')) return false;
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands(nullptr)) names.push_back(verb->get_name());
  const std::vector<std::string_view> verbs(names.begin(), names.end());
  std::string known;
  for (const std::string_view verb : verbs) {
    if (verb == word) return false;
    known.append(known.empty() ? "" : ", ").append(verb);
  }
  const std::string meant(service::nearest(word, verbs));
  std::fprintf(stderr, "weir: there is no verb \"%.*s\"; %s%s%s\n", static_cast<int>(word.size()),
               word.data(), meant.empty() ? "known: " : "did you mean \"",
               meant.empty() ? known.c_str() : meant.c_str(), meant.empty() ? "" : "\"?");
  return true;
}

// Results are on stdout: a program whose results did not arrive has not passed.
int flush_results(int exit_code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return exit_code;
  std::perror("weir: writing to stdout");
  return kInternal;
}

int run(int count, char** words) {
  CLI::App app("Weir keeps a service standing when more work arrives than it can do.", "weir");
  app.footer("weir <verb> --help says more about each.");
  app.require_subcommand(0, 1);
  int exit_code = kPass;
  add_verbs(app, exit_code);
  if (count < 2) {
    std::fputs(app.help().c_str(), stderr);
    return kUsage;
  }
  if (refuse_unknown_verb(app, words[1])) return kUsage;
  try {
    app.parse(count, words);
  } catch (const CLI::Success& success) {
    return app.exit(success);  // --help
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return kUsage;
  }
  return flush_results(exit_code);
}

}  // namespace
}  // namespace weir::tools

int main(int count, char** words) {
  try {
    return weir::tools::run(count, words);
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "weir: %s\n", exception.what());
    return weir::tools::kInternal;
  }
}

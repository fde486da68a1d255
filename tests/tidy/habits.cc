#include "tests/tidy/habits.h"

#include <array>
#include <regex>

namespace weir::tidy {
namespace {

// Finds `pattern` in each line of `text`.
template <typename Report>
void each_match(std::string_view text, const std::regex& pattern, Report report) {
  std::size_t number = 0;
  for (const std::string_view line : lines_of(text)) {
    ++number;
    std::match_results<std::string_view::const_iterator> match;
    if (std::regex_search(line.begin(), line.end(), match, pattern)) report(number, match.str(1));
  }
}

// Built on purpose outside the usual targets.
bool is_built_elsewhere(std::string_view path) {
  return path.starts_with("tests/compile_fail/") || path.starts_with("tools/weir-lint/") ||
         path.ends_with("_bench.cc") || path == "tests/fuzz_replay.cc";
}

}  // namespace

Findings check_headers(const Tree& tree) {
  Findings findings;
  for (const auto& [path, text] : tree) {
    if (!path.ends_with(".h")) continue;
    if (!text.starts_with("//"))
      findings.push_back({path, 1, "a header begins with what it is, in a comment"});
    if (code_of(text).find("#pragma once\n") == std::string::npos) {
      findings.push_back({path, 1, "#pragma once is missing"});
    }
  }
  return findings;
}

Findings check_own_header_first(const Tree& tree) {
  static const std::regex kInclude(R"(^#include\s*[<"]([^>"]+))");
  Findings findings;
  for (const auto& [path, text] : tree) {
    if (!path.ends_with(".cc")) continue;
    const std::string own = path.substr(0, path.size() - 2) + "h";
    if (!tree.contains(own)) continue;
    bool first = true;
    each_match(text, kInclude, [&](std::size_t line, const std::string& included) {
      if (first && included != own) findings.push_back({path, line, "includes " + own + " first"});
      first = false;
    });
  }
  return findings;
}

Findings check_machine_paths(const Tree& tree) {
  // Put together here, so that this file does not hold what it looks for.
  static constexpr std::array kFolders{"home", "root", "work", "Users"};
  std::string folders;
  for (const char* folder : kFolders) folders += (folders.empty() ? "" : "|") + std::string(folder);
  const std::regex pattern("(?:^|[^\\w./~$})-])(/(?:" + folders + ")/[\\w.-]+)");
  Findings findings;
  for (const auto& [path, text] : tree) {
    each_match(text, pattern, [&](std::size_t line, const std::string& found) {
      findings.push_back({path, line, found + "... is a path of one machine"});
    });
  }
  return findings;
}

Findings check_sleeps(const Tree& tree) {
  // The runtime's own sleep() is fine: it moves with the clock it is given.
  static const std::regex kSleep(
      R"((?:^|[^\w:])(?:std::)?(this_thread::sleep_\w+|usleep|nanosleep|::sleep|::usleep|::nanosleep)\s*\()");
  Findings findings;
  for (const auto& [path, text] : tree) {
    if (!path.ends_with("_test.cc")) continue;
    each_match(code_of(text), kSleep, [&](std::size_t line, const std::string& call) {
      findings.push_back({path, line, call + " in a test: wait for the event, or move a simulated clock"});
    });
  }
  return findings;
}

Findings check_targets(const Tree& tree, std::string_view compile_commands, const std::string& root) {
  Findings findings;
  for (const auto& [path, text] : tree) {
    const bool ours = path.starts_with("weir/") || path.starts_with("tools/") || path.starts_with("tests/");
    if (!ours || !path.ends_with(".cc") || is_built_elsewhere(path)) continue;
    const std::string file = "\"" + root + "/" + path + "\"";
    if (compile_commands.find(file) == std::string_view::npos)
      findings.push_back({path, 0, "is in no target"});
  }
  return findings;
}

}  // namespace weir::tidy

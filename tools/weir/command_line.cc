#include "tools/weir/command_line.h"

#include <algorithm>
#include <fstream>

namespace weir::tools {

std::string shell_word(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./%@";
  const auto plain = [&](char c) { return kPlain.contains(c); };
  if (!word.empty() && std::ranges::all_of(word, plain)) return std::string(word);
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string command;
  for (std::string word; std::getline(file, word, '\0');) {
    // The program by its name: where it lies is this machine's affair.
    if (command.empty()) word.erase(0, word.rfind('/') + 1);
    command.append(command.empty() ? "" : " ").append(shell_word(word));
  }
  return command;
}

}  // namespace weir::tools

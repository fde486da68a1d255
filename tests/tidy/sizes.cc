#include "tests/tidy/sizes.h"

#include <map>
#include <regex>
#include <sstream>
#include <utility>

namespace weir::tidy {
namespace {

constexpr const char* kRatchet = "tests/tidy/ratchet.txt";

// Blanks preprocessor lines, and every branch of an #if but the first: the
// branches may each open the same brace.
std::string without_preprocessor(std::string code) {
  std::size_t skipping = 0;  // how many nested #if since an #else
  bool continued = false;
  for (std::size_t start = 0; start < code.size();) {
    const std::size_t end = std::min(code.find('\n', start), code.size());
    const std::string_view line(code.data() + start, end - start);
    const std::size_t first = line.find_first_not_of(' ');
    const bool directive = first != std::string_view::npos && line[first] == '#';
    const bool hide = directive || continued || skipping > 0;
    if (directive) {
      const std::string_view word = line.substr(first);
      if (word.starts_with("#if") && skipping > 0) ++skipping;
      if (word.starts_with("#el") && skipping == 0) skipping = 1;
      if (word.starts_with("#endif") && skipping > 0) --skipping;
    }
    continued = (directive || continued) && line.ends_with('\\');
    if (hide) code.replace(start, end - start, end - start, ' ');
    start = end + 1;
  }
  return code;
}

enum class Scope { outer, function, inner };

// What a brace at namespace or class scope opens, from the text before it.
Scope scope_after(const std::string& head) {
  static const std::regex kOuter(
      R"(^\s*((inline|export)\s+)*(template\s*<[^{]*>\s*)?(typedef\s+)?(namespace|class|struct|union|enum|extern\s*$)\b)");
  static const std::regex kExternBlock(R"(^\s*extern\s*$)");
  if (std::regex_search(head, kOuter) || std::regex_search(head, kExternBlock)) return Scope::outer;
  return head.find('(') == std::string::npos ? Scope::inner : Scope::function;
}

// "Parser::feed" of "Result<int> Parser::feed(int a) const"; for a test, all of
// "TEST(Parser, feeds)".
std::string name_of(const std::string& head) {
  static const std::regex kTest(R"(\bTEST(_F|_P)?\s*\([^)]*\))");
  static const std::regex kName(R"(((~?\w+(<[^()]*>)?\s*::\s*)*(operator\s*\S+?|~?\w+))\s*\()");
  std::smatch match;
  if (std::regex_search(head, match, kTest)) return match.str();
  return std::regex_search(head, match, kName) ? match[1].str() : "?";
}

class FunctionFinder {
 public:
  explicit FunctionFinder(std::string code) : code_(std::move(code)) {}

  std::vector<Function> find() {
    for (std::size_t at = 0; at < code_.size(); ++at) {
      const char c = code_[at];
      if (c == '\n') ++line_;
      if (c == '{') {
        open();
      } else if (c == '}') {
        close(at);
      } else if (!in_body_) {
        read_head(c);
      }
    }
    return std::move(functions_);
  }

 private:
  void read_head(char c) {
    if (c == ';') {
      head_.clear();
      return;
    }
    const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (head_.empty() && space) return;
    if (head_.empty()) head_line_ = line_;
    head_ += space ? ' ' : c;
    if (head_ == "public:" || head_ == "protected:" || head_ == "private:") head_.clear();
  }

  void open() {
    if (in_body_) {
      ++depth_;
      return;
    }
    switch (scope_after(head_)) {
      case Scope::outer: head_.clear(); break;
      case Scope::function:
      case Scope::inner:
        in_body_ = true;
        depth_ = 1;
        break;
    }
  }

  void close(std::size_t at) {
    if (!in_body_) {
      head_.clear();
      return;
    }
    if (--depth_ > 0) return;
    in_body_ = false;
    // `Thing() : a_{1}, b_{2} {`: a member's braces, the body is yet to come.
    const std::size_t next = code_.find_first_not_of(" \n", at + 1);
    if (next != std::string::npos && (code_[next] == ',' || code_[next] == '{')) return;
    if (head_.find('(') != std::string::npos) {
      functions_.push_back({.name = name_of(head_), .line = head_line_, .lines = line_ - head_line_ + 1});
    }
    head_.clear();
  }

  std::string code_;
  std::vector<Function> functions_;
  std::string head_;  // the declaration so far, at namespace or class scope
  std::size_t head_line_ = 1;
  std::size_t line_ = 1;
  std::size_t depth_ = 0;
  bool in_body_ = false;
};

struct Allowance {
  std::size_t line;  // in the ratchet
  std::size_t lines;
  bool used = false;
};

// "file <path>" or "function <path> <name>" to what is allowed.
using Ratchet = std::map<std::string, Allowance>;

Ratchet parse_ratchet(std::string_view text, Findings& findings) {
  static const std::regex kEntry(R"(((?:file|function) .+) (\d+))");
  Ratchet ratchet;
  std::size_t number = 0;
  for (const std::string_view line : lines_of(text)) {
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    std::match_results<std::string_view::const_iterator> match;
    if (!std::regex_match(line.begin(), line.end(), match, kEntry)) {
      findings.push_back(
          {kRatchet, number, "expected \"file <path> <lines>\" or \"function <path> <name> <lines>\""});
      continue;
    }
    ratchet[match[1].str()] = {.line = number, .lines = std::stoul(match[2].str())};
  }
  return ratchet;
}

// One thing that is `lines` long where `max` is usual.
void check_size(const Finding& place, const std::string& key, std::size_t lines, std::size_t max,
                Ratchet& ratchet, Findings& findings) {
  if (lines <= max) return;
  const std::string size = std::to_string(lines) + " lines";
  const auto allowance = ratchet.find(key);
  if (allowance == ratchet.end()) {
    findings.push_back(
        {place.path, place.line,
         place.message + "is " + size + " long, at most " + std::to_string(max) + " are usual"});
    return;
  }
  Allowance& allowed = allowance->second;
  allowed.used = true;
  if (lines > allowed.lines) {
    findings.push_back({place.path, place.line,
                        place.message + "has grown to " + size + " from " + std::to_string(allowed.lines)});
  } else if (lines < allowed.lines) {
    findings.push_back({kRatchet, allowed.line, key + " has shrunk to " + size + ": write that number"});
  }
}

}  // namespace

std::vector<Function> functions_of(std::string_view text) {
  return FunctionFinder(without_preprocessor(code_of(text))).find();
}

Findings check_sizes(const Tree& tree) {
  Findings findings;
  const auto exceptions = tree.find(kRatchet);
  Ratchet ratchet = parse_ratchet(exceptions == tree.end() ? "" : exceptions->second, findings);
  for (const auto& [path, text] : tree) {
    if (!is_source(path)) continue;
    const std::size_t lines = lines_of(text).size();
    if (lines > kFileLinesEnd) {
      findings.push_back(
          {path, kFileLinesEnd + 1, "no file is longer than " + std::to_string(kFileLinesEnd) + " lines"});
    }
    check_size({path, 0, ""}, "file " + path, lines, kFileLinesMax, ratchet, findings);
    // Two overloads share a line of the ratchet: the longer counts.
    std::map<std::string, Function> longest;
    for (const Function& function : functions_of(text)) {
      Function& known = longest.try_emplace(function.name, function).first->second;
      if (function.lines > known.lines) known = function;
    }
    for (const auto& [name, function] : longest) {
      check_size({path, function.line, name + " "}, "function " + path + " " + name, function.lines,
                 kFunctionLinesMax, ratchet, findings);
    }
  }
  for (const auto& [key, allowed] : ratchet) {
    if (!allowed.used)
      findings.push_back({kRatchet, allowed.line, key + " is no longer too long: remove this line"});
  }
  return findings;
}

}  // namespace weir::tidy

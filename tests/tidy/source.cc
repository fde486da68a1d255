#include "tests/tidy/source.h"

#include <cctype>
#include <fstream>
#include <iterator>

namespace weir::tidy {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Blanks text[from, to) in `code`, keeping the line breaks.
void blank(std::string& code, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to && i < code.size(); ++i) {
    if (code[i] != '\n') code[i] = ' ';
  }
}

// The start of the word that ends before `at`.
std::size_t word_start(std::string_view text, std::size_t at) {
  while (at > 0 && (is_word(text[at - 1]) || text[at - 1] == '\'')) --at;
  return at;
}

// One past the closing quote of the plain literal that opens at `open`. A
// literal ends with its line at the latest, so one mistake stays on one line.
std::size_t literal_end(std::string_view text, std::size_t open) {
  for (std::size_t i = open + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == text[open]) {
      return i + 1;
    } else if (text[i] == '\n') {
      return i;
    }
  }
  return text.size();
}

// One past the end of the raw string whose quote is at `open`.
std::size_t raw_end(std::string_view text, std::size_t open) {
  const std::size_t parenthesis = text.find('(', open);
  if (parenthesis == std::string_view::npos) return text.size();
  const std::string close = ")" + std::string(text.substr(open + 1, parenthesis - open - 1)) + "\"";
  const std::size_t end = text.find(close, parenthesis);
  return end == std::string_view::npos ? text.size() : end + close.size();
}

// One past the comment or literal that starts at `at`, or `at` if none does.
std::size_t skip(std::string_view text, std::size_t at) {
  const std::string_view rest = text.substr(at);
  if (rest.starts_with("//")) return std::min(text.find('\n', at), text.size());
  if (rest.starts_with("/*")) {
    const std::size_t end = text.find("*/", at + 2);
    return end == std::string_view::npos ? text.size() : end + 2;
  }
  if (rest.starts_with('"')) {
    const bool raw = at > 0 && text[at - 1] == 'R';
    return raw ? raw_end(text, at) : literal_end(text, at);
  }
  if (rest.starts_with('\'')) {
    // 1'000'000 is a number; u8'x' is a character.
    const std::size_t word = word_start(text, at);
    const bool number = word < at && std::isdigit(static_cast<unsigned char>(text[word])) != 0;
    return number ? at : literal_end(text, at);
  }
  return at;
}

bool is_text(const std::filesystem::path& path) {
  static constexpr std::string_view kEndings[] = {".h",   ".cc",   ".c",  ".cmake", ".txt", ".md",   ".json",
                                                  ".yml", ".yaml", ".sh", ".go",    ".js",  ".html", ".css"};
  const std::string ending = path.extension().string();
  if (ending.empty()) return true;  // scripts, LAYERS, .clang-format
  for (const std::string_view known : kEndings) {
    if (ending == known) return true;
  }
  return false;
}

bool is_ours(const std::filesystem::path& folder) {
  const std::string name = folder.filename().string();
  if (name == ".ci") return true;
  return !name.starts_with('.') && name != "build" && name != "node_modules" && name != "corpus";
}

}  // namespace

std::string Finding::text() const {
  return path + (line == 0 ? "" : ":" + std::to_string(line)) + ": " + message;
}

Tree load_tree(const std::filesystem::path& root) {
  Tree tree;
  auto entry = std::filesystem::recursive_directory_iterator(root);
  for (; entry != std::filesystem::recursive_directory_iterator(); ++entry) {
    if (entry->is_directory() && (entry->is_symlink() || !is_ours(entry->path()))) {
      entry.disable_recursion_pending();
    }
    if (!entry->is_regular_file() || entry->is_symlink() || !is_text(entry->path())) continue;
    std::ifstream file(entry->path(), std::ios::binary);
    tree[entry->path().lexically_relative(root).generic_string()] =
        std::string(std::istreambuf_iterator<char>(file), {});
  }
  return tree;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string code_of(std::string_view text) {
  std::string code(text);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = skip(text, at);
    if (end == at) {
      ++at;
      continue;
    }
    blank(code, at, end);
    at = end;
  }
  return code;
}

std::vector<Include> includes_of(std::string_view text) {
  static constexpr std::string_view kDirective = "#include \"";
  std::vector<Include> includes;
  const std::string code = code_of(text);
  const auto live = lines_of(code);
  const auto raw = lines_of(text);
  for (std::size_t i = 0; i < raw.size(); ++i) {
    // Asking the blanked text leaves out what stands in comments and strings.
    if (!live[i].starts_with("#include") || !raw[i].starts_with(kDirective)) continue;
    const std::string_view path = raw[i].substr(kDirective.size());
    includes.push_back({.line = i + 1, .path = std::string(path.substr(0, path.find('"')))});
  }
  return includes;
}

bool is_source(std::string_view path) { return path.ends_with(".h") || path.ends_with(".cc"); }

}  // namespace weir::tidy

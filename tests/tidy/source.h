// The tree as the tidy checks see it: paths and text, nothing of the disk, so
// that each check can be fed a made-up tree in a test.
//
//   Tree tree = load_tree(root);
//   for (const Finding& finding : check_layers(tree)) std::cout << finding.text() << "\n";
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weir::tidy {

// What is wrong and where. Lines count from 1; 0 means the file as a whole.
struct Finding {
  std::string path;
  std::size_t line = 0;
  std::string message;

  // "weir/core/task.h:12: ..."
  std::string text() const;
};

using Findings = std::vector<Finding>;

// Path from the root, with slashes, to the file's text.
using Tree = std::map<std::string, std::string>;

// Every text file of the project below `root`: what is built, fetched or hidden
// (but for .ci) is left out.
Tree load_tree(const std::filesystem::path& root);

std::vector<std::string_view> lines_of(std::string_view text);

// C++ text with every comment, string and character literal blanked; each
// character that stays is at its place, and so is every line break.
std::string code_of(std::string_view text);

struct Include {
  std::size_t line;
  std::string path;  // between the quotes; <...> is not of interest here
};
std::vector<Include> includes_of(std::string_view text);

// .h and .cc, wherever they are.
bool is_source(std::string_view path);

}  // namespace weir::tidy

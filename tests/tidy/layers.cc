#include "tests/tidy/layers.h"

#include <sstream>

namespace weir::tidy {
namespace {

constexpr std::string_view kRooms = "weir/";

// "http" of "weir/http/parser.h"; empty where the path names no room.
std::string room_of(std::string_view path) {
  if (!path.starts_with(kRooms)) return "";
  path.remove_prefix(kRooms.size());
  const std::size_t slash = path.find('/');
  return slash == std::string_view::npos ? "" : std::string(path.substr(0, slash));
}

void check_include(const std::string& path, const Include& include, const std::string& folder,
                   const Layers& layers, Findings& findings) {
  const std::string room = room_of(include.path);
  if (room.empty() || folder == std::string(kRooms) + room) return;
  if (!layers.allowed.at(folder).contains(room)) {
    findings.push_back({path, include.line, folder + " may not include weir/" + room + " (LAYERS)"});
  } else if (include.path.starts_with(std::string(kRooms) + room + "/internal/")) {
    findings.push_back({path, include.line, include.path + " is closed to other rooms"});
  }
}

// The words between DEPS and the next upper-case keyword or the end.
void check_cmake(const std::string& path, std::string_view text, const std::string& folder,
                 const Layers& layers, Findings& findings) {
  std::size_t number = 0;
  for (const std::string_view line : lines_of(text)) {
    ++number;
    std::istringstream words{std::string(line.substr(0, line.find_first_of("#)")))};
    std::string word;
    bool in_deps = false;
    while (words >> word) {
      if (word == "DEPS" || word == "LIBS" || word == "NAME") {
        in_deps = word == "DEPS";
      } else if (in_deps && !layers.allowed.at(folder).contains(word)) {
        findings.push_back({path, number, folder + " may not depend on weir/" + word + " (LAYERS)"});
      }
    }
  }
}

}  // namespace

std::string Layers::folder_of(std::string_view path) const {
  for (std::string_view folder = path; !folder.empty();) {
    const std::size_t slash = folder.rfind('/');
    if (slash == std::string_view::npos) break;
    folder = folder.substr(0, slash);
    if (allowed.contains(std::string(folder))) return std::string(folder);
  }
  return "";
}

Layers parse_layers(std::string_view text, Findings& findings) {
  Layers layers;
  std::size_t number = 0;
  for (const std::string_view line : lines_of(text)) {
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      findings.push_back({"LAYERS", number, "no rule: expected \"folder: rooms\""});
      continue;
    }
    const std::string folder(line.substr(0, colon));
    std::set<std::string> rooms;
    std::istringstream words{std::string(line.substr(colon + 1))};
    for (std::string room; words >> room;) {
      if (!layers.allowed.contains(std::string(kRooms) + room)) {
        findings.push_back({"LAYERS", number, folder + " names " + room + ", which no line above has"});
      }
      rooms.insert(room);
    }
    if (!layers.allowed.emplace(folder, std::move(rooms)).second) {
      findings.push_back({"LAYERS", number, folder + " has a rule already"});
    }
  }
  return layers;
}

Findings check_layers(const Tree& tree) {
  Findings findings;
  const auto rules = tree.find("LAYERS");
  if (rules == tree.end()) return {{"LAYERS", 0, "is missing"}};
  const Layers layers = parse_layers(rules->second, findings);
  for (const auto& [path, text] : tree) {
    const std::string folder = layers.folder_of(path);
    if (is_source(path)) {
      const auto includes = includes_of(text);
      if (folder.empty()) {
        if (!room_of(path).empty()) findings.push_back({path, 0, "its folder has no line in LAYERS"});
        continue;
      }
      for (const Include& include : includes) check_include(path, include, folder, layers, findings);
    } else if (path.ends_with("/CMakeLists.txt") && !folder.empty()) {
      check_cmake(path, text, folder, layers, findings);
    }
  }
  return findings;
}

}  // namespace weir::tidy

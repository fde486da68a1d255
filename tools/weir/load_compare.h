// weir load --compare: what runs differ in, and whether chance alone would have
// done it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "weir/load/comparison.h"
#include "weir/load/load_record.h"

namespace weir::tools {

struct CompareVerbOptions {
  std::vector<std::string> sides;  // each "RUN.json" or "RUN1.json,RUN2.json"; the first is the base
  std::string html_file;           // empty: none
  bool json = false;
  std::uint64_t seed = 1;
};

struct ComparedSide {
  std::string name;
  std::vector<std::string> files;
  std::vector<load::LoadRecord> runs;  // one for each file
};

// The result on stdout. kInconclusive when a run was. Throws
// CLI::ValidationError for what cannot be read.
int load_compare(const CompareVerbOptions& options);

// Of the first side with each other one.
std::string comparison_table(std::span<const ComparedSide> sides,
                             std::span<const load::Comparison> comparisons);
// One line.
std::string comparison_json(std::span<const ComparedSide> sides,
                            std::span<const load::Comparison> comparisons);

}  // namespace weir::tools

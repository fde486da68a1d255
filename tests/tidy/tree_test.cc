// This tree, against its own rules.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "tests/tidy/habits.h"
#include "tests/tidy/layers.h"
#include "tests/tidy/sizes.h"
#include "tests/tidy/source.h"

namespace weir::tidy {
namespace {

const Tree& tree() {
  static const Tree kTree = load_tree(WEIR_SOURCE_DIR);
  return kTree;
}

void expect_none(const Findings& findings) {
  for (const Finding& finding : findings) ADD_FAILURE() << finding.text();
}

TEST(Tree, IsRead) {
  EXPECT_TRUE(tree().contains("LAYERS"));
  EXPECT_TRUE(tree().contains("weir/base/result.h"));
  EXPECT_TRUE(tree().contains("tests/tidy/tree_test.cc"));
}

TEST(Tree, FollowsItsLayers) { expect_none(check_layers(tree())); }

TEST(Tree, KeepsFilesAndFunctionsSmall) { expect_none(check_sizes(tree())); }

TEST(Tree, HasHeadersThatExplainThemselves) { expect_none(check_headers(tree())); }

TEST(Tree, IncludesOwnHeadersFirst) { expect_none(check_own_header_first(tree())); }

TEST(Tree, NamesNoMachine) { expect_none(check_machine_paths(tree())); }

TEST(Tree, SleepsInNoTest) { expect_none(check_sleeps(tree())); }

TEST(Tree, BuildsEverySource) {
  std::ifstream file(WEIR_COMPILE_COMMANDS);
  const std::string commands(std::istreambuf_iterator<char>(file), {});
  ASSERT_FALSE(commands.empty());
  expect_none(check_targets(tree(), commands, WEIR_SOURCE_DIR));
}

}  // namespace
}  // namespace weir::tidy

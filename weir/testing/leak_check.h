// Finds tasks that a test leaves behind: those that live at its end and did not
// at its beginning, with what they wait for and their stacks.
//
//   class ServiceTest : public ::testing::Test {
//     void TearDown() override { EXPECT_EQ(leaks_.leaked(), ""); }
//     testing::LeakCheck leaks_;
//   };
//
// Scopes join what they start, so what is found is a task that was made and
// neither run nor destroyed, or one of a runtime that outlives the test.
#pragma once

#include <string>
#include <unordered_map>

namespace weir::testing {

class LeakCheck {
 public:
  // Lists the tasks there are now. Any thread.
  LeakCheck();

  // The tasks that have come since and are still there, described one after
  // another; empty: none. One that is about to end has `patience_ms_max` for it.
  // Blocks its thread.
  std::string leaked(unsigned patience_ms_max = 1000) const;

 private:
  std::unordered_map<const void*, std::string> before_;  // outermost function, by frame
};

}  // namespace weir::testing

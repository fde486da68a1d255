#include "tests/tidy/layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tidy/matchers.h"

namespace weir::tidy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr const char* kLayers =
    "# comment\n"
    "weir/base:\n"
    "weir/core: base\n"
    "weir/net:  base core\n"
    "weir/http: base core net\n"
    "tests/integration: base core net http\n";

TEST(Layers, AllowWhatTheyName) {
  EXPECT_THAT(check_layers({{"LAYERS", kLayers},
                            {"weir/http/parser.h", "#include \"weir/net/socket.h\"\n"},
                            {"weir/http/parser.cc", "#include \"weir/http/internal/table.h\"\n"},
                            {"tests/integration/a_test.cc", "#include \"weir/http/parser.h\"\n"}}),
              IsEmpty());
}

TEST(Layers, RefuseAnIncludeUpwards) {
  EXPECT_THAT(check_layers({{"LAYERS", kLayers},
                            {"weir/core/task.h", "#pragma once\n\n#include \"weir/net/socket.h\"\n"}}),
              ElementsAre(FindingAt("weir/core/task.h:3", "weir/core may not include weir/net")));
}

TEST(Layers, DoNotFollowFromOneAnother) {
  EXPECT_THAT(check_layers({{"LAYERS", "weir/base:\nweir/core: base\nweir/net: core\n"},
                            {"weir/net/socket.cc", "#include \"weir/base/result.h\"\n"}}),
              ElementsAre(FindingAt("weir/net/socket.cc:1", "may not include weir/base")));
}

TEST(Layers, CloseInternalFoldersToOtherRooms) {
  EXPECT_THAT(check_layers({{"LAYERS", kLayers},
                            {"weir/net/socket.cc", "#include \"weir/core/internal/timer.h\"\n"},
                            {"tests/integration/a_test.cc", "\n#include \"weir/http/internal/table.h\"\n"}}),
              UnorderedElementsAre(FindingAt("weir/net/socket.cc:1", "weir/core/internal/timer.h is closed"),
                                   FindingAt("tests/integration/a_test.cc:2", "is closed")));
}

TEST(Layers, WantALineForEachRoom) {
  EXPECT_THAT(check_layers({{"LAYERS", kLayers}, {"weir/attic/old.h", ""}}),
              ElementsAre(FindingAt("weir/attic/old.h", "no line in LAYERS")));
}

TEST(Layers, HoldForTheBuildToo) {
  EXPECT_THAT(
      check_layers({{"LAYERS", kLayers},
                    {"weir/net/CMakeLists.txt", "weir_room(NAME net DEPS core http LIBS fmt::fmt)\n"}}),
      ElementsAre(FindingAt("weir/net/CMakeLists.txt:1", "may not depend on weir/http")));
}

TEST(Layers, CannotHoldACycleOrARuleTwice) {
  EXPECT_THAT(check_layers({{"LAYERS", "weir/base: core\nweir/core: base\nweir/core:\nnonsense\n"}}),
              ElementsAre(FindingAt("LAYERS:1", "names core"), FindingAt("LAYERS:3", "a rule already"),
                          FindingAt("LAYERS:4", "no rule")));
}

TEST(Layers, AreMissedWhenTheyAreGone) {
  EXPECT_THAT(check_layers({{"weir/base/a.h", ""}}), ElementsAre(FindingAt("LAYERS", "is missing")));
}

}  // namespace
}  // namespace weir::tidy

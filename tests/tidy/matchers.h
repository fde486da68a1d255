// What the tests of the tidy checks ask of their findings.
#pragma once

#include <gmock/gmock.h>

#include <string>

#include "tests/tidy/source.h"

namespace weir::tidy {

// A finding at "path:line" whose message holds `fragment`.
MATCHER_P2(FindingAt, place, fragment, "") {
  const std::string text = arg.text();
  *result_listener << text;
  return text.starts_with(std::string(place) + ": ") && text.find(fragment) != std::string::npos;
}

}  // namespace weir::tidy

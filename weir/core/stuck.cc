#include "weir/core/stuck.h"

#include <array>
#include <chrono>
#include <cstdio>

namespace weir::core {

std::string describe(const StuckReport& report) {
  std::array<char, 160> head{};
  std::snprintf(
      head.data(), head.size(), "task %p has run for %lld ms on processor %u without a suspension%s",
      report.task,
      static_cast<long long>(std::chrono::duration_cast<std::chrono::milliseconds>(report.running).count()),
      report.processor, report.stand_in ? "" : ", and there is no worker to stand in for it");
  std::string text = head.data();
  text += "\n  in " + report.function;
  for (const std::string& place : report.stack) text += "\n    " + place;
  return text;
}

}  // namespace weir::core

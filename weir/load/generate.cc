#include "weir/load/generate.h"

#include <utility>

#include "weir/load/internal/load_run.h"

namespace weir::load {

double LoadResult::timely_share() const {
  const std::uint64_t due = counts.due();
  return due == 0 ? 0 : static_cast<double>(counts.timely) / static_cast<double>(due);
}

double LoadResult::punctual_share() const {
  return counts.sent == 0 ? 0 : static_cast<double>(counts.timely) / static_cast<double>(counts.sent);
}

core::task<std::expected<LoadResult, std::string>> run_load(core::Context& context, LoadOptions options,
                                                            ShowLoad show) {
  internal::LoadRun run(context, std::move(options), std::move(show));
  co_return co_await run.run();
}

}  // namespace weir::load

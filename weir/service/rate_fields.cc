#include "weir/service/rate_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace weir::service {
namespace {

std::uint64_t whole_seconds(Duration duration) {
  return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(duration).count());
}

}  // namespace

RateFields rate_fields(std::string_view name, const bounds::KeyedRate::Standing& standing) {
  const bounds::RateOptions& rate = standing.rate;
  const std::uint64_t window = std::max<std::uint64_t>(1, whole_seconds(rate.per));
  const auto quota = static_cast<std::uint64_t>(static_cast<unsigned __int128>(rate.units) * window *
                                                static_cast<std::uint64_t>(Duration(1s).count()) /
                                                static_cast<std::uint64_t>(rate.per.count()));
  return {.policy = fmt::format("\"{}\";q={};w={}", name, quota, window),
          .left = fmt::format("\"{}\";r={};t={}", name, standing.left, whole_seconds(standing.full_in))};
}

}  // namespace weir::service

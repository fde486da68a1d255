#include "weir/service/rate_fields.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

namespace weir::service {
namespace {

std::uint64_t whole_seconds(Duration duration) {
  return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(duration).count());
}

void append_number(std::string_view parameter, std::uint64_t number, std::string& out) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(parameter).append(digits.data(), end);
}

// Each reply has two or four of them, which is why nothing is formatted here.
std::string item(std::string_view name, std::string_view parameter, std::uint64_t number,
                 std::string_view other, std::uint64_t other_number) {
  std::string text;
  text.reserve(name.size() + 60);
  text.append("\"").append(name).append("\"");
  append_number(parameter, number, text);
  append_number(other, other_number, text);
  return text;
}

}  // namespace

RateFields rate_fields(std::string_view name, const bounds::KeyedRate::Standing& standing) {
  const bounds::RateOptions& rate = standing.rate;
  const std::uint64_t window = std::max<std::uint64_t>(1, whole_seconds(rate.per));
  const auto quota = static_cast<std::uint64_t>(static_cast<unsigned __int128>(rate.units) * window *
                                                static_cast<std::uint64_t>(Duration(1s).count()) /
                                                static_cast<std::uint64_t>(rate.per.count()));
  return {.policy = item(name, ";q=", quota, ";w=", window),
          .left = item(name, ";r=", standing.left, ";t=", whole_seconds(standing.full_in))};
}

}  // namespace weir::service

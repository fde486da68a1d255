#include "weir/service/rate_fields.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstring>

namespace weir::service {
namespace {

std::uint64_t whole_seconds(Duration duration) {
  return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(duration).count());
}

struct Parameter {
  char name;
  std::uint64_t value;
};

// Of each field, with room for another bound's.
constexpr std::size_t kFieldBytes = 128;
constexpr std::size_t kNumberBytes = 20;

// A member of a list: "name";q=500;w=1
void append_member(std::string_view name, Parameter first, Parameter second, std::string& out) {
  constexpr std::size_t kMarks = 4, kParameter = 3 + kNumberBytes;
  const std::size_t at = out.size();
  if (at == 0) out.reserve(kFieldBytes);
  out.resize_and_overwrite(at + name.size() + kMarks + 2 * kParameter, [&](char* text, std::size_t size) {
    char* to = text + at;
    const auto put = [&to](std::string_view part) {
      std::memcpy(to, part.data(), part.size());
      to += part.size();
    };
    put(at > 0 ? ", \"" : "\"");
    put(name);
    put("\"");
    for (const Parameter& parameter : {first, second}) {
      *to++ = ';';
      *to++ = parameter.name;
      *to++ = '=';
      to = std::to_chars(to, text + size, parameter.value).ptr;
    }
    return static_cast<std::size_t>(to - text);
  });
}

}  // namespace

void RateFields::add(std::string_view name, const bounds::KeyedRate::Standing& standing) {
  constexpr Duration kSecond = 1s;
  const bounds::RateOptions& rate = standing.rate;
  const std::uint64_t window = std::max<std::uint64_t>(1, whole_seconds(rate.per));
  const auto quota = rate.per == kSecond
                         ? rate.units
                         : static_cast<std::uint64_t>(static_cast<unsigned __int128>(rate.units) * window *
                                                      static_cast<std::uint64_t>(kSecond.count()) /
                                                      static_cast<std::uint64_t>(rate.per.count()));
  append_member(name, {'q', quota}, {'w', window}, policy);
  append_member(name, {'r', standing.left}, {'t', whole_seconds(standing.full_in)}, left);
}

}  // namespace weir::service

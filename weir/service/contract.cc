#include "weir/service/contract.h"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace weir::service {
namespace {

constexpr std::int64_t kMsMax = 24 * 3'600'000;

}  // namespace

void tell(const std::string& name, std::optional<std::string_view> value, http::RequestHead& head) {
  if (value) {
    head.headers.set(name, *value);
  } else {
    head.headers.remove(name);
  }
}

bool tells_each_try(const ContractConfig& contract) {
  return !contract.deadline.empty() || !contract.attempt.empty();
}

void tell_try(const ContractConfig& contract, std::uint32_t attempt, Duration left, http::RequestHead& head) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(left).count();
  if (!contract.deadline.empty()) {
    head.headers.set(contract.deadline, std::to_string(std::clamp<std::int64_t>(ms, 0, kMsMax)));
  }
  if (!contract.attempt.empty()) head.headers.set(contract.attempt, std::to_string(attempt));
}

Duration time_left(const ContractConfig& contract, const http::RequestHead& request) {
  if (contract.deadline.empty()) return Duration::max();
  const auto value = request.headers.get(contract.deadline);
  if (!value) return Duration::max();
  std::int64_t ms = 0;
  const auto [end, wrong] = std::from_chars(value->data(), value->data() + value->size(), ms);
  if (wrong != std::errc() || end != value->data() + value->size() || ms < 0 || ms > kMsMax)
    return Duration::max();
  return std::chrono::milliseconds(ms);
}

}  // namespace weir::service

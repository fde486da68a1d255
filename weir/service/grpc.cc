#include "weir/service/grpc.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "weir/service/refusal_reply.h"

namespace weir::service {
namespace {

constexpr std::string_view kType = "application/grpc";
constexpr std::size_t kDigitsMax = 8;
constexpr Duration::rep kNumberMax = 99'999'999;

struct Unit {
  char letter;
  Duration of;
};
constexpr std::array<Unit, 6> kUnits{{{'n', 1ns}, {'u', 1us}, {'m', 1ms}, {'S', 1s}, {'M', 1min}, {'H', 1h}}};

}  // namespace

bool is_grpc(const http::Headers& headers) {
  const std::string_view type = headers.get("content-type").value_or("");
  if (type.size() < kType.size() || !http::equals_ignoring_case(type.substr(0, kType.size()), kType)) {
    return false;
  }
  return type.size() == kType.size() || type[kType.size()] == '+' || type[kType.size()] == ';';
}

std::optional<Duration> grpc_timeout(const http::Headers& headers) {
  const std::string_view text = headers.get("grpc-timeout").value_or("");
  if (text.size() < 2 || text.size() > kDigitsMax + 1) return std::nullopt;
  const auto unit = std::ranges::find(kUnits, text.back(), &Unit::letter);
  if (unit == kUnits.end()) return std::nullopt;
  std::uint32_t number = 0;
  const char* const digits_end = text.data() + text.size() - 1;
  const auto [end, error] = std::from_chars(text.data(), digits_end, number);
  if (error != std::errc() || end != digits_end) return std::nullopt;
  // 99,999,999 hours are more than a Duration holds.
  if (number > kNever.time_since_epoch() / unit->of) return Duration::max();
  return unit->of * number;
}

std::string grpc_timeout_text(Duration timeout) {
  const Duration positive = std::max(timeout, Duration(1));
  const auto unit =
      std::ranges::find_if(kUnits, [&](const Unit& each) { return positive / each.of <= kNumberMax; });
  return std::to_string(positive / unit->of) + unit->letter;
}

GrpcStatus grpc_status_of(const RefusalReply& reply) {
  switch (reply.status) {
    case 400: return GrpcStatus::invalid_argument;
    case 404: return GrpcStatus::unimplemented;
    case 429: return GrpcStatus::resource_exhausted;
    case 502: return GrpcStatus::unavailable;
    // An upstream that is not asked is no bound of ours that is full.
    case 503: return reply.bound.empty() ? GrpcStatus::unavailable : GrpcStatus::resource_exhausted;
    case 504: return GrpcStatus::deadline_exceeded;
    default: return GrpcStatus::internal;
  }
}

void write_grpc_refusal(const RefusalReply& reply, http::ResponseHead& head) {
  head.status = 200;
  head.headers.add("Content-Type", kType);
  head.headers.add("grpc-status", std::to_string(std::to_underlying(grpc_status_of(reply))));
  std::string text(reply.reason);
  if (!reply.bound.empty()) text.append(" at ").append(reply.bound);
  if (!reply.message.empty()) text.append(": ").append(reply.message);
  head.headers.add("grpc-message", grpc_message(text));
}

std::string grpc_message(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '%') {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded.append({'%', kHex[byte >> 4], kHex[byte & 15]});
  }
  return encoded;
}

}  // namespace weir::service

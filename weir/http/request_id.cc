#include "weir/http/request_id.h"

#include <algorithm>
#include <random>

#include "weir/base/rng.h"

namespace weir::http {
namespace {

bool may_stand(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~+/=:@").find(static_cast<char>(c)) != std::string_view::npos;
}

std::uint64_t seed() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

thread_local Xoshiro random_of_thread{seed()};

void put_hex(std::uint64_t number, char* to) {
  for (int digit = 15; digit >= 0; --digit, number >>= 4) to[digit] = "0123456789abcdef"[number & 15];
}

}  // namespace

RequestId RequestId::make() {
  RequestId id;
  put_hex(random_of_thread.next(), id.text_.data());
  put_hex(random_of_thread.next(), id.text_.data() + 16);
  id.size_ = 32;
  return id;
}

std::optional<RequestId> RequestId::parse(std::string_view text) {
  if (text.empty() || text.size() > kBytesMax || !std::ranges::all_of(text, may_stand)) return std::nullopt;
  RequestId id;
  std::ranges::copy(text, id.text_.begin());
  id.size_ = static_cast<std::uint8_t>(text.size());
  return id;
}

}  // namespace weir::http

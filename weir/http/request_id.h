// What tells one request from all others, in logs and along the way: the
// X-Request-ID that came with it, or one that is made here.
//
//   exchange.set_id(RequestId::make());
//   head.headers.set(kRequestIdField, exchange.id());
//
// A plain value.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::http {

inline constexpr std::string_view kRequestIdField = "X-Request-ID";

class RequestId {
 public:
  static constexpr std::size_t kBytesMax = 64;

  // None.
  RequestId() = default;
  // 32 hexadecimal digits, of which no two are ever the same: 128 random bits. Not
  // a secret. Any thread; some nanoseconds.
  static RequestId make();
  // 1 to 64 letters, digits and "-._~+/=:@": nothing that a log, a shell or a
  // header could take for something else. nullopt: it is not well-formed.
  static std::optional<RequestId> parse(std::string_view text);

  std::string_view text() const { return {text_.data(), size_}; }

 private:
  std::array<char, kBytesMax> text_;
  std::uint8_t size_ = 0;
};

}  // namespace weir::http

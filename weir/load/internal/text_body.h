// The body of a request that is there as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "weir/http/body.h"

namespace weir::load::internal {

class TextBody final : public http::BodySource {
 public:
  // `text` outlives it.
  explicit TextBody(std::string_view text) : rest_(text), length_(text.size()) {}

  core::task<Result<std::span<const std::byte>>> next(core::Context& /*context*/) override {
    co_return std::as_bytes(std::span(std::exchange(rest_, {})));
  }
  std::optional<std::uint64_t> length() const override { return length_; }
  const http::Headers* trailers() const override { return nullptr; }

 private:
  std::string_view rest_;
  const std::uint64_t length_;
};

}  // namespace weir::load::internal

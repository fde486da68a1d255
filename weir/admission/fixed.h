// The limit that does not move: for what is known, and to compare with.
#pragma once

#include "weir/admission/limiter.h"

namespace weir::admission {

class FixedLimiter final : public Limiter {
 public:
  explicit FixedLimiter(std::uint32_t limit) : Limiter({.initial = limit, .min = 1, .max = limit}) {}

  Pace pace() const override { return {.span = 1s, .samples = 1'000'000}; }
  void step(TimePoint, const Window&) override {}
};

}  // namespace weir::admission

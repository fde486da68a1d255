// Additive increase, multiplicative decrease: x 0.9 after a drop or a timeout,
// else + 1 while at least half of the limit is in use.
//
// As AIMDLimit of Netflix' concurrency-limits does it, a step for every sample,
// with its defaults. Needs drops: what is slow and never fails only makes it grow.
#pragma once

#include "weir/admission/limiter.h"

namespace weir::admission {

class AimdLimiter final : public Limiter {
 public:
  struct Options {
    LimitRange range = {.initial = 20, .min = 20, .max = 200};
    Duration timeout = 5s;  // a longer response counts as a drop
    double backoff = 0.9;   // in (0, 1)
  };

  explicit AimdLimiter(const Options& options);

  Pace pace() const override { return {.span = 10ms, .samples = 1}; }
  void step(TimePoint now, const Window& window) override;

 private:
  const Duration timeout_;
  const double backoff_;
};

}  // namespace weir::admission

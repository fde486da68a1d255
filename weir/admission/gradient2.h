// The ratio of a long average of response times to the last one moves the limit:
// g = clamp(1.5 long / short, 0.5, 1), L = 0.8 L + 0.2 (L g + 4).
//
// As Gradient2Limit of Netflix' concurrency-limits does it, with its defaults and
// a step for every sample. What lasts longer than the long average becomes normal
// to it: under lasting overload it grows to its maximum.
#pragma once

#include "weir/admission/limiter.h"

namespace weir::admission {

class Gradient2Limiter final : public Limiter {
 public:
  struct Options {
    LimitRange range = {.initial = 20, .min = 20, .max = 200};
    std::uint32_t long_window = 600;  // samples
    double tolerance = 1.5;           // how much slower than the average is no reason
    double queue_size = 4;            // what may wait
    double smoothing = 0.2;
  };

  explicit Gradient2Limiter(const Options& options) : Limiter(options.range), options_(options) {}

  Pace pace() const override { return {.span = 10ms, .samples = 1}; }
  void step(TimePoint now, const Window& window) override;

 private:
  void learn(double response);

  const Options options_;
  std::uint32_t warmup_ = 0;
  double warmup_sum_ = 0;
  double long_ = 0;  // in ns
};

}  // namespace weir::admission

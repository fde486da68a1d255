// Queue length from round-trip times: q = ceil(L (1 - no-load / response)), kept
// between alpha = 3 log10 L and beta = 6 log10 L.
//
// Brakmo and Peterson, "TCP Vegas" (1995), as VegasLimit of Netflix'
// concurrency-limits has it for concurrency, with its defaults and a step for
// every sample: the no-load time is the shortest response seen, taken anew about
// every 30 L samples.
#pragma once

#include "weir/admission/limiter.h"
#include "weir/base/rng.h"

namespace weir::admission {

class VegasLimiter final : public Limiter {
 public:
  struct Options {
    LimitRange range = {.initial = 20, .min = 1, .max = 1000};
    std::uint32_t probe_multiplier = 30;  // samples per unit of the limit between probes
    std::uint64_t seed = 1;               // of the probes' jitter
  };

  explicit VegasLimiter(const Options& options);

  Pace pace() const override { return {.span = 10ms, .samples = 1}; }
  void step(TimePoint now, const Window& window) override;

 private:
  bool probe_is_due();
  double next_limit(double response, const Window& window) const;

  const double probe_multiplier_;
  Xoshiro rng_;
  double probe_jitter_;
  double samples_ = 0;  // since the last probe
  double no_load_ = 0;  // in ns; 0: not known
};

}  // namespace weir::admission

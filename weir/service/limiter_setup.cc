#include "weir/service/limiter_setup.h"

#include <algorithm>

#include "weir/admission/aimd.h"
#include "weir/admission/fixed.h"
#include "weir/admission/gradient2.h"
#include "weir/admission/queue_codel.h"
#include "weir/admission/queue_delay.h"
#include "weir/admission/queue_fair.h"
#include "weir/admission/queue_fifo.h"
#include "weir/admission/queue_priority.h"
#include "weir/admission/vegas.h"
#include "weir/base/check.h"

namespace weir::service {
namespace {

std::shared_ptr<core::WaitOrder> make_order(const std::string& order,
                                            const std::optional<PriorityConfig>& priority) {
  if (order == "codel") return std::make_shared<admission::CodelQueue>();
  if (order == "fair") return std::make_shared<admission::FairQueue>();
  if (order == "fifo") return std::make_shared<admission::FifoQueue>();
  admission::PriorityQueue::Options options;
  if (priority) options.shares = priority->shares;
  return std::make_shared<admission::PriorityQueue>(options);
}

}  // namespace

std::uint32_t initial_limit(const LimiterConfig& config, std::uint32_t limit) {
  if (!config.moves()) return limit;
  const std::uint32_t initial = config.initial > 0 ? config.initial : admission::LimitRange{}.initial;
  return std::clamp(initial, config.min, limit);
}

std::unique_ptr<admission::Limiter> make_limiter(const LimiterConfig& config, std::uint32_t limit) {
  if (!config.moves()) return std::make_unique<admission::FixedLimiter>(limit);
  const admission::LimitRange range{.initial = initial_limit(config, limit), .min = config.min, .max = limit};
  if (config.algorithm == "gradient2") {
    return std::make_unique<admission::Gradient2Limiter>(
        admission::Gradient2Limiter::Options{.range = range});
  }
  if (config.algorithm == "vegas") {
    return std::make_unique<admission::VegasLimiter>(admission::VegasLimiter::Options{.range = range});
  }
  if (config.algorithm == "aimd") {
    return std::make_unique<admission::AimdLimiter>(admission::AimdLimiter::Options{.range = range});
  }
  WEIR_CHECK(config.algorithm == "queue_delay", "a checked configuration names a limiter that exists");
  return std::make_unique<admission::QueueDelayLimiter>(
      admission::QueueDelayLimiter::Options{.range = range, .objective = config.objective});
}

core::Limit::Queue make_queue(const QueueConfig& config, const std::optional<PriorityConfig>& priority) {
  return {.depth = config.depth, .wait = config.wait, .order = make_order(config.order, priority)};
}

}  // namespace weir::service

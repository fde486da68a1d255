#include "weir/service/internal/upstream_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "weir/base/units.h"
#include "weir/service/internal/admission_reader.h"
#include "weir/service/schema.h"
#include "weir/service/text.h"

namespace weir::service::internal {
namespace {

// "upstreams.u.retry.backoff is 2s, more than its backoff_max, 1s"
template <typename Value>
void expect_at_most(const Section& section, std::string_view key, Given given, Value value,
                    std::string_view other, Value most, KeyKind kind, Diagnostics& findings) {
  if (!given || value <= most) return;
  const auto text = [kind](Value shown) {
    if constexpr (std::is_same_v<Value, Bytes>) {
      return value_text(kind, shown.count);
    } else {
      return value_text(kind, static_cast<std::uint64_t>(shown.count()));
    }
  };
  findings.warn(given.place, {fmt::format("{} is {}, more than {}, which is {}", section.name_of(key),
                                          text(value), other, text(most)),
                              fmt::format("at most {}", text(most))});
}

void read_protocol(const Section& section, UpstreamProtocol& protocol, Diagnostics& findings) {
  static constexpr std::array<std::string_view, 3> kWords{"http1", "http2", "auto"};
  std::string text;
  const Given given = section.read("protocol", text);
  if (!given) return;
  if (const auto word = std::ranges::find(kWords, text); word != kWords.end()) {
    protocol = static_cast<UpstreamProtocol>(word - kWords.begin());
    return;
  }
  findings.error(given.place, {fmt::format("{} is {}, which is none of its words",
                                           section.name_of("protocol"), in_quotes(text)),
                               "one of http1, http2, auto"});
}

void read_queue(const Section& section, QueueConfig& config, Diagnostics& findings) {
  const Given depth = section.read("depth", config.depth);
  const Given wait = section.read("wait", config.wait);
  read_order(section, config, findings);
  if (depth && wait && config.depth == 0) {
    findings.warn(wait.place, {fmt::format("{} has no effect: nothing may wait where depth is 0",
                                           section.name_of("wait")),
                               "set depth, or take the queue away"});
  }
}

void read_retry(const Section& section, RetryConfig& config, const UpstreamConfig& upstream,
                Diagnostics& findings) {
  section.read("tries", config.tries);
  const Given each = section.read("try_timeout", config.try_timeout);
  Given backoff = section.read("backoff", config.backoff);
  const Given most = section.read("backoff_max", config.backoff_max);
  if (!backoff) backoff = most;
  expect_at_most(section, "backoff", backoff, config.backoff, "backoff_max", config.backoff_max,
                 KeyKind::duration, findings);
  if (each && config.try_timeout >= upstream.timeout) {
    findings.warn(each.place,
                  {fmt::format("{} is {} and leaves no time for a second: the timeout of all is {}",
                               section.name_of("try_timeout"), weir::to_string(config.try_timeout),
                               weir::to_string(upstream.timeout)),
                   "make it shorter"});
  }
}

void read_budget(const Section& section, RetryBudgetConfig& config, Diagnostics& findings) {
  const Given share = section.read("share", config.share);
  const Given rest = section.read("per_second", config.per_second);
  section.read("window", config.window);
  if (share.known && rest.known && config.share == 0 && config.per_second == 0) {
    findings.warn(section.place(), {fmt::format("{} allows no retry and no hedge", section.name()),
                                    "give it a share, or take retry and hedge away"});
  }
}

void read_breaker(const Section& section, BreakerConfig& config, const UpstreamConfig& upstream,
                  Diagnostics& findings) {
  const Given in_a_row = section.read("consecutive_failures", config.consecutive_failures);
  const Given ratio = section.read("failure_ratio", config.failure_ratio);
  section.read("window", config.window);
  section.read("calls_min", config.calls_min);
  const Given slow = section.read("slow_after", config.slow_after);
  Given open = section.read("open_for", config.open_for);
  const Given most = section.read("open_for_max", config.open_for_max);
  section.read("trials", config.trials);
  if (!open) open = most;
  expect_at_most(section, "open_for", open, config.open_for, "open_for_max", config.open_for_max,
                 KeyKind::duration, findings);
  if (slow && config.slow_after >= upstream.timeout) {
    findings.warn(slow.place, {fmt::format("{} is {} and is never reached: the timeout is {}",
                                           section.name_of("slow_after"), weir::to_string(config.slow_after),
                                           weir::to_string(upstream.timeout)),
                               "make it shorter"});
  }
  if (in_a_row.known && ratio.known && config.consecutive_failures == 0 && config.failure_ratio == 0) {
    findings.error(section.place(),
                   {fmt::format("{} would never open: both of its rules are off", section.name()),
                    "give it consecutive_failures or a failure_ratio, or take it away"});
  }
}

void read_hedge(const Section& section, HedgeConfig& config, Diagnostics& findings) {
  section.read("quantile", config.quantile);
  Given least = section.read("min", config.min);
  const Given most = section.read("max", config.max);
  section.read("off_for", config.off_for);
  if (!least) least = most;
  expect_at_most(section, "min", least, config.min, "max", config.max, KeyKind::duration, findings);
}

void read_throttle(const Section& section, ThrottleConfig& config) {
  section.read("accepted_share", config.accepted_share);
  section.read("refused_max", config.refused_max);
  section.read("window", config.window);
}

void read_cache(const Section& section, CacheConfig& config, Diagnostics& findings) {
  section.read("entries", config.entries);
  const Given all = section.read("bytes", config.bytes);
  Given one = section.read("body_bytes", config.body_bytes);
  section.read("loads", config.loads);
  section.read("fresh_for", config.fresh_for);
  section.read("stale_while_revalidate", config.stale_while_revalidate);
  section.read("stale_if_error", config.stale_if_error);
  if (one.known && all.known && config.body_bytes > config.bytes) {
    const Place place = one ? one.place : all.place;
    findings.warn(
        place, {fmt::format("{} is {}, and all that is kept together has {}", section.name_of("body_bytes"),
                            value_text(KeyKind::bytes, config.body_bytes.count),
                            value_text(KeyKind::bytes, config.bytes.count)),
                "replies larger than that are fetched whole and not kept"});
  }
}

// Words that are methods, or beginnings of paths.
void read_words(const Section& section, std::string_view key, std::vector<std::string>& out,
                Diagnostics& findings) {
  std::string text;
  const Given given = section.read(key, text);
  if (!given) return;
  out = words_of(text);
  const bool paths = key == "paths";
  for (const std::string& word : out) {
    if (paths ? word.starts_with('/') : is_token(word)) continue;
    findings.error(given.place, {fmt::format("{} has \"{}\" in it, which is no {}", section.name_of(key),
                                             word, paths ? "beginning of a path" : "method"),
                                 paths ? "for example /orders/" : "for example POST"});
  }
}

void read_defer(const Section& section, DeferConfig& config, Diagnostics& findings) {
  read_words(section, "methods", config.methods, findings);
  read_words(section, "paths", config.paths, findings);
  const Given one = section.read("body_bytes", config.body_bytes);
  const Given entries = section.read("entries", config.entries);
  section.read("bytes", config.bytes);
  section.read("per_second", config.per_second);
  section.read("workers", config.workers);
  section.read("tries", config.tries);
  const Given each = section.read("try_timeout", config.try_timeout);
  section.read("keep_for", config.keep_for);
  const Given results = section.read("results", config.results);
  section.read("results_for", config.results_for);
  expect_at_most(section, "body_bytes", one, config.body_bytes, "bytes", config.bytes, KeyKind::bytes,
                 findings);
  expect_at_most(section, "try_timeout", each, config.try_timeout, "keep_for", config.keep_for,
                 KeyKind::duration, findings);
  if ((entries || results) && config.results < config.entries) {
    findings.warn((results ? results : entries).place,
                  {fmt::format("{} is {}: no more of the {} that may wait are taken than are remembered",
                               section.name_of("results"), config.results, config.entries),
                   fmt::format("at least {}", config.entries)});
  }
}

void read_fallback(const Section& section, StaticConfig& config) {
  std::uint32_t status = static_cast<std::uint32_t>(config.status);
  section.read("status", status);
  config.status = static_cast<int>(status);
  section.read("content_type", config.content_type);
  section.read("body", config.body);
}

}  // namespace

void read_layers(const Section& upstream, UpstreamConfig& config, Diagnostics& findings) {
  if (const auto part = upstream.section("limiter")) {
    config.limiter.algorithm = "queue_delay";
    const Given limit{.place = config.inflight > 0 ? upstream.key_place("inflight") : Place{}};
    read_limiter({*part, "algorithm", false, limit, config.inflight}, config.limiter, findings);
  }
  read_protocol(upstream, config.protocol, findings);
  if (const auto part = upstream.section("queue")) read_queue(*part, config.queue, findings);
  if (const auto part = upstream.section("retry"))
    read_retry(*part, config.retry.emplace(), config, findings);
  if (const auto part = upstream.section("budget")) {
    read_budget(*part, config.budget.emplace(), findings);
    if (!upstream.key_place("retry") && !upstream.key_place("hedge")) {
      findings.warn(part->place(),
                    {fmt::format("{} is for retry and hedge, and there is neither", part->name()),
                     "declare one of them, or take it away"});
    }
  }
  if (const auto part = upstream.section("breaker"))
    read_breaker(*part, config.breaker.emplace(), config, findings);
  if (const auto part = upstream.section("hedge")) read_hedge(*part, config.hedge.emplace(), findings);
  if (const auto part = upstream.section("throttle")) read_throttle(*part, config.throttle.emplace());
  if (const auto part = upstream.section("cache")) read_cache(*part, config.cache.emplace(), findings);
  if (const auto part = upstream.section("singleflight")) {
    SingleflightConfig& flights = config.singleflight.emplace();
    part->read("flights", flights.flights);
    part->read("callers", flights.callers);
    part->read("body_bytes", flights.body_bytes);
    if (config.cache) {
      findings.warn(part->place(), {fmt::format("{} has no effect: a cache has one of its own", part->name()),
                                    "take it away"});
    }
  }
  if (const auto part = upstream.section("defer")) read_defer(*part, config.defer.emplace(), findings);
  if (const auto part = upstream.section("fallback")) read_fallback(*part, config.fallback.emplace());
}

}  // namespace weir::service::internal

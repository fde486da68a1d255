#include "weir/service/internal/keys.h"

#include <array>

namespace weir::service::internal {
namespace {

using enum KeyKind;

constexpr std::uint64_t kUs = 1'000, kMs = 1'000 * kUs, kSecond = 1'000 * kMs;
constexpr std::uint64_t kMinute = 60 * kSecond, kHour = 60 * kMinute;
constexpr std::uint64_t kKiB = 1 << 10, kMiB = 1 << 20, kTiB = 1ull << 40;
constexpr std::uint64_t kMillion = 1'000'000;

constexpr std::string_view kRefusesAll = "0 would refuse every request";
constexpr std::string_view kEndsAll = "0 would end every one at once";

constexpr std::array kKeys{
    KeySpec{"service", text, true, 1, 63, "shop-edge"},
    KeySpec{"listen", text, false, 1, 300, "127.0.0.1:8080"},
    KeySpec{"admin", text, false, 1, 300, "127.0.0.1:9090"},

    KeySpec{"bounds", section, true, 0, 0, "{ inflight: { limit: 200 } }"},
    KeySpec{"bounds.inflight", section, true, 0, 0, "{ limit: 200 }"},
    KeySpec{"bounds.inflight.limit", number, true, 1, kMillion, "200", kRefusesAll},
    KeySpec{"bounds.inflight.queue", section, false, 0, 0, "{ depth: 400, wait: 50ms }"},
    KeySpec{"bounds.inflight.queue.depth", number, true, 0, kMillion, "400"},
    KeySpec{"bounds.inflight.queue.wait", duration, false, kUs, kMinute, "50ms",
            "0 would let nothing wait: for no queue set depth to 0"},
    KeySpec{"bounds.inflight.because", text, false, 0, 500, "\"50 connections, 4 requests share one\""},
    KeySpec{"bounds.inflight.queue.order", text, false, 1, 20, "codel"},
    KeySpec{"bounds.inflight.limiter", text, false, 1, 20, "queue_delay"},
    KeySpec{"bounds.inflight.min", number, false, 1, kMillion, "1", kRefusesAll},
    KeySpec{"bounds.inflight.initial", number, false, 1, kMillion, "50", kRefusesAll},
    KeySpec{"bounds.inflight.objective", duration, false, kMs, kHour, "100ms"},
    KeySpec{"bounds.tenant", section, false, 0, 0, "{ key: \"header:X-Tenant-ID\", inflight: 20 }"},
    KeySpec{"bounds.tenant.key", text, true, 1, 200, "\"header:X-Tenant-ID\""},
    KeySpec{"bounds.tenant.inflight", number, true, 1, kMillion, "20", kRefusesAll},
    KeySpec{"bounds.tenant.keys_max", number, false, 1, 10 * kMillion, "100000", kRefusesAll},
    KeySpec{"bounds.tenant.because", text, false, 0, 500, "\"a tenth of the whole\""},

    KeySpec{"bounds.tenant.rate", section, false, 0, 0, "{ limit: 100, per: 1s }"},
    KeySpec{"bounds.tenant.rate.limit", number, true, 1, kMillion, "100", kRefusesAll},
    KeySpec{"bounds.tenant.rate.per", duration, false, 10 * kMs, 24 * kHour, "1s"},
    KeySpec{"bounds.tenant.rate.burst", number, false, 1, kMillion, "50", kRefusesAll},
    KeySpec{"bounds.tenant.overrides", names, false, 1, 100'000, "{ acme: { inflight: 40 } }"},
    KeySpec{"bounds.tenant.overrides.*", section, false, 0, 0, "{ inflight: 40 }"},
    KeySpec{"bounds.tenant.overrides.*.inflight", number, false, 1, kMillion, "40", kRefusesAll},
    KeySpec{"bounds.tenant.overrides.*.rate", section, false, 0, 0, "{ limit: 1000, per: 1s }"},
    KeySpec{"bounds.tenant.overrides.*.rate.limit", number, true, 1, kMillion, "1000", kRefusesAll},
    KeySpec{"bounds.tenant.overrides.*.rate.per", duration, false, 10 * kMs, 24 * kHour, "1s"},
    KeySpec{"bounds.tenant.overrides.*.rate.burst", number, false, 1, kMillion, "500", kRefusesAll},
    KeySpec{"bounds.caller", section, false, 0, 0, "{ key: \"header:X-Caller\", rate: { limit: 100 } }"},
    KeySpec{"bounds.caller.key", text, true, 1, 200, "\"header:X-Caller\""},
    KeySpec{"bounds.caller.rate", section, true, 0, 0, "{ limit: 100, per: 1s }"},
    KeySpec{"bounds.caller.rate.limit", number, true, 1, kMillion, "100", kRefusesAll},
    KeySpec{"bounds.caller.rate.per", duration, false, 10 * kMs, 24 * kHour, "1s"},
    KeySpec{"bounds.caller.rate.burst", number, false, 1, kMillion, "50", kRefusesAll},
    KeySpec{"bounds.caller.keys_max", number, false, 1, 10 * kMillion, "100000", kRefusesAll},
    KeySpec{"bounds.caller.because", text, false, 0, 500, "\"what each was promised\""},
    KeySpec{"bounds.tiers", section, false, 0, 0, "{ default: read, all: { read: { share: 0.6 } } }"},
    KeySpec{"bounds.tiers.key", text, false, 1, 200, "\"header:X-Tier\""},
    KeySpec{"bounds.tiers.default", text, true, 1, 63, "read"},
    KeySpec{"bounds.tiers.because", text, false, 0, 500, "\"reads go on while writes pile up\""},
    KeySpec{"bounds.tiers.all", names, true, 1, 16, "{ read: { share: 0.6 }, write: { share: 0.3 } }"},
    KeySpec{"bounds.tiers.all.*", section, false, 0, 0, "{ share: 0.6, methods: \"GET HEAD\" }"},
    KeySpec{"bounds.tiers.all.*.share", decimal, true, 0, kMillion, "0.6"},
    KeySpec{"bounds.tiers.all.*.most", decimal, false, 1, kMillion, "0.8", kRefusesAll},
    KeySpec{"bounds.tiers.all.*.lends", text, false, 2, 3, "no"},
    KeySpec{"bounds.tiers.all.*.methods", text, false, 1, 1'000, "\"GET HEAD\""},
    KeySpec{"bounds.tiers.all.*.paths", text, false, 1, 10'000, "\"/export/ /batch/\""},
    KeySpec{"bounds.priority", section, false, 0, 0, "{ key: \"header:X-Priority\" }"},
    KeySpec{"bounds.priority.key", text, true, 1, 200, "\"header:X-Priority\""},
    KeySpec{"bounds.priority.default", text, false, 1, 20, "normal"},
    KeySpec{"bounds.priority.classes", names, false, 1, 100, "{ gold: { level: critical } }"},
    KeySpec{"bounds.priority.classes.*", section, false, 0, 0, "{ level: critical }"},
    KeySpec{"bounds.priority.classes.*.level", text, true, 1, 20, "critical"},
    KeySpec{"bounds.priority.shares", section, false, 0, 0, "{ low: 0.05 }"},
    KeySpec{"bounds.priority.shares.sheddable", decimal, false, 0, 800'000, "0.01"},
    KeySpec{"bounds.priority.shares.low", decimal, false, 0, 800'000, "0.01"},
    KeySpec{"bounds.priority.shares.normal", decimal, false, 0, 800'000, "0.02"},
    KeySpec{"bounds.priority.shares.high", decimal, false, 0, 800'000, "0.05"},
    KeySpec{"bounds.priority.shares.critical", decimal, false, 0, 800'000, "0.05"},
    KeySpec{"bounds.memory", section, false, 0, 0, "{ limit: 512MiB }"},
    KeySpec{"bounds.memory.limit", bytes, false, 0, kTiB, "512MiB"},
    KeySpec{"bounds.memory.shed_at", decimal, false, 100'000, 960'000, "0.8"},
    KeySpec{"bounds.memory.refuse_at", decimal, false, 810'000, kMillion, "0.97"},

    KeySpec{"upstreams", names, true, 1, 1'000,
            "{ catalog: { url: \"http://127.0.0.1:9001\", inflight: 50 } }"},
    KeySpec{"upstreams.*", section, false, 0, 0, "{ url: \"http://127.0.0.1:9001\", inflight: 50 }"},
    KeySpec{"upstreams.*.url", text, true, 1, 300, "\"http://127.0.0.1:9001\""},
    KeySpec{"upstreams.*.inflight", number, true, 1, kMillion, "50", kRefusesAll},
    KeySpec{"upstreams.*.timeout", duration, false, kMs, kHour, "2s", kEndsAll},
    KeySpec{"upstreams.*.protocol", text, false, 1, 20, "http2"},
    KeySpec{"upstreams.*.because", text, false, 0, 500, "\"its pool\""},
    KeySpec{"upstreams.*.connections", section, false, 0, 0, "{ idle_max: 50 }"},
    KeySpec{"upstreams.*.connections.idle_max", number, false, 0, kMillion, "50"},
    KeySpec{"upstreams.*.connections.idle_timeout", duration, false, kMs, kHour, "30s",
            "0 would keep none: for that set idle_max to 0"},
    KeySpec{"upstreams.*.connections.connect_timeout", duration, false, kMs, kMinute, "1s", kEndsAll},
    KeySpec{"upstreams.*.connections.lifetime", duration, false, kSecond, 24 * kHour, "5m", kEndsAll},

    KeySpec{"upstreams.*.queue", section, false, 0, 0, "{ depth: 100, wait: 50ms }"},
    KeySpec{"upstreams.*.queue.depth", number, true, 0, kMillion, "100"},
    KeySpec{"upstreams.*.queue.wait", duration, false, kUs, kMinute, "50ms",
            "0 would let nothing wait: for no queue set depth to 0"},
    KeySpec{"upstreams.*.queue.order", text, false, 1, 20, "codel"},
    KeySpec{"upstreams.*.limiter", section, false, 0, 0, "{ algorithm: queue_delay }"},
    KeySpec{"upstreams.*.limiter.algorithm", text, false, 1, 20, "queue_delay"},
    KeySpec{"upstreams.*.limiter.min", number, false, 1, kMillion, "1", kRefusesAll},
    KeySpec{"upstreams.*.limiter.initial", number, false, 1, kMillion, "50", kRefusesAll},

    KeySpec{"upstreams.*.retry", section, false, 0, 0, "{ tries: 3 }"},
    KeySpec{"upstreams.*.retry.tries", number, false, 2, 10, "3"},
    KeySpec{"upstreams.*.retry.try_timeout", duration, false, 0, kHour, "500ms"},
    KeySpec{"upstreams.*.retry.backoff", duration, false, 0, kMinute, "10ms"},
    KeySpec{"upstreams.*.retry.backoff_max", duration, false, 0, kHour, "1s"},
    KeySpec{"upstreams.*.budget", section, false, 0, 0, "{ share: 0.2 }"},
    KeySpec{"upstreams.*.budget.share", decimal, false, 0, kMillion, "0.2"},
    KeySpec{"upstreams.*.budget.per_second", number, false, 0, kMillion, "10"},
    KeySpec{"upstreams.*.budget.window", duration, false, 10 * kMs, kHour, "10s"},

    KeySpec{"upstreams.*.breaker", section, false, 0, 0, "{ failure_ratio: 0.5 }"},
    KeySpec{"upstreams.*.breaker.consecutive_failures", number, false, 0, kMillion, "5"},
    KeySpec{"upstreams.*.breaker.failure_ratio", decimal, false, 0, kMillion, "0.5"},
    KeySpec{"upstreams.*.breaker.window", duration, false, 10 * kMs, kHour, "10s"},
    KeySpec{"upstreams.*.breaker.calls_min", number, false, 1, kMillion, "20"},
    KeySpec{"upstreams.*.breaker.slow_after", duration, false, 0, kHour, "400ms"},
    KeySpec{"upstreams.*.breaker.open_for", duration, false, kMs, kHour, "5s"},
    KeySpec{"upstreams.*.breaker.open_for_max", duration, false, kMs, kHour, "1m"},
    KeySpec{"upstreams.*.breaker.trials", number, false, 1, 1'000, "1"},

    KeySpec{"upstreams.*.hedge", section, false, 0, 0, "{ quantile: 0.95 }"},
    KeySpec{"upstreams.*.hedge.quantile", decimal, false, 500'000, 999'999, "0.95"},
    KeySpec{"upstreams.*.hedge.min", duration, false, kUs, kHour, "1ms"},
    KeySpec{"upstreams.*.hedge.max", duration, false, kUs, kHour, "1s"},
    KeySpec{"upstreams.*.hedge.off_for", duration, false, 0, kHour, "10s"},

    KeySpec{"upstreams.*.throttle", section, false, 0, 0, "{ accepted_share: 0.5 }"},
    KeySpec{"upstreams.*.throttle.accepted_share", decimal, false, 10'000, kMillion, "0.5"},
    KeySpec{"upstreams.*.throttle.refused_max", decimal, false, 0, 999'999, "0.9"},
    KeySpec{"upstreams.*.throttle.window", duration, false, 10 * kMs, kHour, "30s"},

    KeySpec{"upstreams.*.cache", section, false, 0, 0, "{ fresh_for: 10s }"},
    KeySpec{"upstreams.*.cache.entries", number, false, 1, 10 * kMillion, "10000"},
    KeySpec{"upstreams.*.cache.bytes", bytes, false, kKiB, kTiB, "64MiB"},
    KeySpec{"upstreams.*.cache.body_bytes", bytes, false, 1, 1024 * kMiB, "256KiB"},
    KeySpec{"upstreams.*.cache.loads", number, false, 1, kMillion, "100"},
    KeySpec{"upstreams.*.cache.fresh_for", duration, true, kMs, 24 * kHour, "10s",
            "what is never fresh need not be kept"},
    KeySpec{"upstreams.*.cache.stale_while_revalidate", duration, false, 0, 24 * kHour, "30s"},
    KeySpec{"upstreams.*.cache.stale_if_error", duration, false, 0, 24 * kHour, "10m"},

    KeySpec{"upstreams.*.singleflight", section, false, 0, 0, "{ flights: 100 }"},
    KeySpec{"upstreams.*.singleflight.flights", number, false, 1, kMillion, "100"},
    KeySpec{"upstreams.*.singleflight.callers", number, false, 1, kMillion, "10000"},
    KeySpec{"upstreams.*.singleflight.body_bytes", bytes, false, 1, 1024 * kMiB, "256KiB"},

    KeySpec{"upstreams.*.defer", section, false, 0, 0, "{ methods: POST }"},
    KeySpec{"upstreams.*.defer.methods", text, false, 1, 1'000, "\"POST PUT\""},
    KeySpec{"upstreams.*.defer.paths", text, false, 1, 10'000, "\"/orders/ /mails/\""},
    KeySpec{"upstreams.*.defer.body_bytes", bytes, false, 0, 16 * kMiB, "64KiB"},
    KeySpec{"upstreams.*.defer.entries", number, false, 1, kMillion, "1000", kRefusesAll},
    KeySpec{"upstreams.*.defer.bytes", bytes, false, kKiB, kTiB, "16MiB", kRefusesAll},
    KeySpec{"upstreams.*.defer.per_second", number, false, 1, kMillion, "10", "0 would send none"},
    KeySpec{"upstreams.*.defer.workers", number, false, 1, 1'000, "1", "0 would send none"},
    KeySpec{"upstreams.*.defer.tries", number, false, 1, 1'000, "10", "0 would send none"},
    KeySpec{"upstreams.*.defer.try_timeout", duration, false, kMs, kHour, "30s", kEndsAll},
    KeySpec{"upstreams.*.defer.keep_for", duration, false, kMs, 24 * kHour, "1h", kEndsAll},
    KeySpec{"upstreams.*.defer.results", number, false, 1, 10 * kMillion, "10000", kRefusesAll},
    KeySpec{"upstreams.*.defer.results_for", duration, false, kMs, 24 * kHour, "10m",
            "0 would tell nobody what came of it"},

    KeySpec{"upstreams.*.fallback", section, false, 0, 0, "{ status: 200, body: \"[]\" }"},
    KeySpec{"upstreams.*.fallback.status", number, false, 200, 599, "200"},
    KeySpec{"upstreams.*.fallback.content_type", text, false, 1, 200, "application/json"},
    KeySpec{"upstreams.*.fallback.body", text, false, 0, 64 * kKiB, "\"[]\""},

    KeySpec{"routes", list, true, 1, 1'000, "[{ match: \"/\", upstream: catalog }]"},
    KeySpec{"routes.*", section, false, 0, 0, "{ match: \"/\", upstream: catalog }"},
    KeySpec{"routes.*.match", text, true, 1, 1'000, "\"/v1/\""},
    KeySpec{"routes.*.upstream", text, true, 1, 63, "catalog"},

    KeySpec{"server", section, false, 0, 0, "{ connections: 10000 }"},
    KeySpec{"server.connections", number, false, 1, kMillion, "10000", kRefusesAll},
    KeySpec{"server.header_bytes", bytes, false, kKiB, kMiB, "32KiB", kRefusesAll},
    KeySpec{"server.headers", number, false, 1, 10'000, "100", kRefusesAll},
    KeySpec{"server.target_bytes", bytes, false, 64, 64 * kKiB, "8KiB", kRefusesAll},
    KeySpec{"server.body_bytes", bytes, false, 0, kTiB, "1MiB"},
    KeySpec{"server.header_timeout", duration, false, kMs, kHour, "10s", kEndsAll},
    KeySpec{"server.idle_timeout", duration, false, kMs, kHour, "1m", kEndsAll},

    KeySpec{"drain", section, false, 0, 0, "{ deadline: 10s }"},
    KeySpec{"drain.deadline", duration, false, 0, kHour, "10s"},
    KeySpec{"drain.readiness_delay", duration, false, 0, 5 * kMinute, "5s"},
};

}  // namespace

Schema config_schema() { return Schema(kKeys); }

}  // namespace weir::service::internal

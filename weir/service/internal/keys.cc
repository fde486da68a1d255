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
    KeySpec{"bounds.tenant", section, false, 0, 0, "{ key: \"header:X-Tenant-ID\", inflight: 20 }"},
    KeySpec{"bounds.tenant.key", text, true, 1, 200, "\"header:X-Tenant-ID\""},
    KeySpec{"bounds.tenant.inflight", number, true, 1, kMillion, "20", kRefusesAll},
    KeySpec{"bounds.tenant.keys_max", number, false, 1, 10 * kMillion, "100000", kRefusesAll},
    KeySpec{"bounds.tenant.because", text, false, 0, 500, "\"a tenth of the whole\""},

    KeySpec{"upstreams", names, true, 1, 1'000,
            "{ catalog: { url: \"http://127.0.0.1:9001\", inflight: 50 } }"},
    KeySpec{"upstreams.*", section, false, 0, 0, "{ url: \"http://127.0.0.1:9001\", inflight: 50 }"},
    KeySpec{"upstreams.*.url", text, true, 1, 300, "\"http://127.0.0.1:9001\""},
    KeySpec{"upstreams.*.inflight", number, true, 1, kMillion, "50", kRefusesAll},
    KeySpec{"upstreams.*.timeout", duration, false, kMs, kHour, "2s", kEndsAll},
    KeySpec{"upstreams.*.because", text, false, 0, 500, "\"its pool\""},
    KeySpec{"upstreams.*.connections", section, false, 0, 0, "{ idle_max: 50 }"},
    KeySpec{"upstreams.*.connections.idle_max", number, false, 0, kMillion, "50"},
    KeySpec{"upstreams.*.connections.idle_timeout", duration, false, kMs, kHour, "30s",
            "0 would keep none: for that set idle_max to 0"},
    KeySpec{"upstreams.*.connections.connect_timeout", duration, false, kMs, kMinute, "1s", kEndsAll},
    KeySpec{"upstreams.*.connections.lifetime", duration, false, kSecond, 24 * kHour, "5m", kEndsAll},

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

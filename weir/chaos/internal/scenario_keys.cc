#include "weir/chaos/internal/scenario_keys.h"

#include <array>
#include <limits>

namespace weir::chaos::internal {
namespace {

using service::KeySpec;
using enum service::KeyKind;

constexpr std::uint64_t kUs = 1'000, kMs = 1'000 * kUs, kSecond = 1'000 * kMs;
constexpr std::uint64_t kHour = 3'600 * kSecond, kDay = 24 * kHour;
constexpr std::uint64_t kGiB = 1ull << 30, kTiB = 1ull << 40;
constexpr std::uint64_t kMillion = 1'000'000, kBillion = 1'000 * kMillion;

constexpr std::string_view kDelaysNothing = "0 would delay nothing";
constexpr std::string_view kHitsNothing = "0 would hit nothing";

constexpr std::array kKeys{
    KeySpec{"seed", number, false, 0, std::numeric_limits<std::uint64_t>::max(), "7"},
    KeySpec{"length", duration, false, kMs, kDay, "1m", "0 would end it at once"},

    KeySpec{"proxies", list, false, 0, 100,
            "[{ name: db, listen: \"127.0.0.1:15432\", upstream: \"127.0.0.1:5432\" }]"},
    KeySpec{"proxies.*", section, false, 0, 0,
            "{ name: db, listen: \"127.0.0.1:15432\", upstream: \"127.0.0.1:5432\" }"},
    KeySpec{"proxies.*.name", text, true, 1, 63, "db"},
    KeySpec{"proxies.*.listen", text, true, 1, 300, "127.0.0.1:15432"},
    KeySpec{"proxies.*.upstream", text, true, 1, 300, "127.0.0.1:5432"},
    KeySpec{"proxies.*.protocol", text, false, 1, 10, "tcp"},

    KeySpec{"events", list, false, 0, 1'000,
            "[{ at: 5s, for: 10s, point: db.query, fault: delay, delay: 20ms }]"},
    KeySpec{"events.*", section, false, 0, 0,
            "{ at: 5s, for: 10s, point: db.query, fault: delay, delay: 20ms }"},
    KeySpec{"events.*.at", duration, true, 0, kDay, "5s"},
    KeySpec{"events.*.for", duration, true, kMs, kDay, "10s", "0 would lift the fault at once"},
    KeySpec{"events.*.on", text, false, 1, 63, "db"},
    KeySpec{"events.*.point", text, false, 1, 63, "db.query"},
    KeySpec{"events.*.fault", text, true, 1, 20, "delay"},
    KeySpec{"events.*.share", decimal, false, 1, kMillion, "0.5", kHitsNothing},
    KeySpec{"events.*.nth", number, false, 1, kBillion, "3", kHitsNothing},
    KeySpec{"events.*.every", number, false, 1, kBillion, "10", kHitsNothing},
    KeySpec{"events.*.direction", text, false, 1, 10, "down"},

    KeySpec{"events.*.delay", duration, false, kUs, kHour, "20ms", kDelaysNothing},
    KeySpec{"events.*.delay.uniform", section, false, 0, 0, "{ min: 10ms, max: 30ms }"},
    KeySpec{"events.*.delay.uniform.min", duration, true, 0, kHour, "10ms"},
    KeySpec{"events.*.delay.uniform.max", duration, true, kUs, kHour, "30ms", kDelaysNothing},
    KeySpec{"events.*.delay.normal", section, false, 0, 0, "{ mean: 50ms, sd: 10ms }"},
    KeySpec{"events.*.delay.normal.mean", duration, true, 0, kHour, "50ms"},
    KeySpec{"events.*.delay.normal.sd", duration, true, kUs, kHour, "10ms",
            "0 would make all alike: for that write delay: and the mean"},
    KeySpec{"events.*.delay.exponential", section, false, 0, 0, "{ mean: 20ms }"},
    KeySpec{"events.*.delay.exponential.mean", duration, true, kUs, kHour, "20ms", kDelaysNothing},
    KeySpec{"events.*.delay.pareto", section, false, 0, 0, "{ min: 5ms, shape: 1.5 }"},
    KeySpec{"events.*.delay.pareto.min", duration, true, kUs, kHour, "5ms", kDelaysNothing},
    KeySpec{"events.*.delay.pareto.shape", decimal, true, kMillion / 10, 100 * kMillion, "1.5"},
    KeySpec{"events.*.delay.max", duration, false, kUs, kHour, "1s", kDelaysNothing},

    KeySpec{"events.*.rate", rate, false, 1, 100 * kGiB, "1MiB/s", "0 would let nothing pass: blackhole"},
    KeySpec{"events.*.after", text, false, 1, 40, "4KiB"},
    KeySpec{"events.*.status", number, false, 200, 599, "503"},
    KeySpec{"events.*.match", section, false, 0, 0, "{ method: GET, path: \"/v1/*\" }"},
    KeySpec{"events.*.match.method", text, false, 1, 40, "GET"},
    KeySpec{"events.*.match.path", text, false, 1, 1'000, "\"/v1/*\""},
    KeySpec{"events.*.match.header", text, false, 1, 1'000, "\"X-Tenant-ID: acme\""},
    KeySpec{"events.*.error", text, false, 1, 40, "disconnected"},
    KeySpec{"events.*.count", number, false, 1, kMillion, "10000"},
    KeySpec{"events.*.bytes", bytes, false, 1, kTiB, "512MiB"},
};

constexpr std::uint8_t kProxies = at_tcp | at_http;

constexpr std::array kFaults{
    FaultWord{"delay", kProxies | at_point, true, {"delay"}, {"direction"}},
    FaultWord{"bandwidth", kProxies, false, {"rate"}, {"direction"}},
    FaultWord{"reset", kProxies, true, {}, {"after"}},
    FaultWord{"blackhole", kProxies, false, {}, {"direction"}},
    FaultWord{"hang", kProxies, true, {}, {}},
    FaultWord{"refuse", kProxies, true, {}, {}},
    FaultWord{"truncate", kProxies, true, {"after"}, {}},
    FaultWord{"status", at_http, true, {"status"}, {"match"}},
    FaultWord{"partition", kProxies, false, {}, {}},
    FaultWord{"error", at_point, true, {"error"}, {}},
    FaultWord{"tasks", in_process, false, {"count"}, {}},
    FaultWord{"memory", in_process, false, {}, {"bytes", "share"}},
};

}  // namespace

service::Schema scenario_schema() { return service::Schema(kKeys); }

std::span<const FaultWord> fault_words() { return kFaults; }

}  // namespace weir::chaos::internal

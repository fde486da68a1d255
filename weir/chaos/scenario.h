// What a scenario file says, once it has been found right: which proxies stand
// before which dependencies, and which fault is where, from when until when.
//
//   ScenarioParsed parsed = load_scenario("slow-database.yaml");
//   if (!parsed) {
//     std::fputs(parsed.error().text(Colour::no).c_str(), stderr);
//     return 2;
//   }
//   play(parsed->scenario);
//
// docs/chaos-scenario.md is the reference for those who write the file. The
// functions read a file and touch nothing else; callable from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/service/address.h"
#include "weir/service/diagnostics.h"
#include "weir/testing/fault_rule.h"

namespace weir::chaos {

enum class Protocol : std::uint8_t { tcp, http };

// As the client sees it: what it sends goes up, what it is answered comes down.
enum class Direction : std::uint8_t { both, up, down };

std::string_view to_string(Protocol protocol);
std::string_view to_string(Direction direction);

// Where a fault that lets something through first begins. Both 0: at once.
struct After {
  Bytes bytes{};
  Duration time{};

  bool operator==(const After&) const = default;
};

// Which requests. Empty: any.
struct RequestMatch {
  std::string method;
  std::string path;  // of the target without its query; '*' stands for any characters, or none
  std::string header_name;
  std::string header_value;

  bool matches_path(std::string_view target) const;

  bool operator==(const RequestMatch&) const = default;
};

// What passes is handed on so much later, in its order.
struct DelayFault {
  testing::Delay delay;
  Direction direction = Direction::both;
  bool operator==(const DelayFault&) const = default;
};

struct BandwidthFault {
  Bytes per_second{};
  Direction direction = Direction::both;
  bool operator==(const BandwidthFault&) const = default;
};

// Ended with a RST.
struct ResetFault {
  After after;
  bool operator==(const ResetFault&) const = default;
};

// What is sent is taken and goes nowhere. When it ends, connections that lost bytes
// are reset.
struct BlackholeFault {
  Direction direction = Direction::both;
  bool operator==(const BlackholeFault&) const = default;
};

// What is hit is held until the event ends, and goes on then: a frozen process that
// thaws.
struct HangFault {
  bool operator==(const HangFault&) const = default;
};

// New connections are reset as soon as they are accepted.
struct RefuseFault {
  bool operator==(const RefuseFault&) const = default;
};

// What is answered ends in good order (FIN) after so many bytes.
struct TruncateFault {
  Bytes after{};
  bool operator==(const TruncateFault&) const = default;
};

// Answered in place of the upstream. HTTP proxies only.
struct StatusFault {
  int status = 0;
  RequestMatch match;
  bool operator==(const StatusFault&) const = default;
};

// No byte passes either way and no connection comes about, as with a cut cable:
// nobody is told. Live connections stall, and go on when it is lifted.
struct PartitionFault {
  bool operator==(const PartitionFault&) const = default;
};

// A named point answers with this error. Points only.
struct ErrorFault {
  ErrorKind kind = ErrorKind::internal;
  Reason reason = Reason::none;
  bool operator==(const ErrorFault&) const = default;
};

// So many sleeping tasks in the process.
struct TasksFault {
  std::uint64_t count = 0;
  bool operator==(const TasksFault&) const = default;
};

// Memory allocated and touched: `bytes`, or this share of what the process may use.
struct MemoryFault {
  Bytes bytes{};     // 0: `share` says it
  double share = 0;  // 0: `bytes` says it
  bool operator==(const MemoryFault&) const = default;
};

using Fault = std::variant<DelayFault, BandwidthFault, ResetFault, BlackholeFault, HangFault, RefuseFault,
                           TruncateFault, StatusFault, PartitionFault, ErrorFault, TasksFault, MemoryFault>;

// "delay", "bandwidth" ...: as `fault:` names it.
std::string_view fault_name(const Fault& fault);

enum class TargetKind : std::uint8_t {
  proxy,    // `on:`
  point,    // `point:`
  process,  // neither
};

struct Event {
  Duration at{};      // from the start of the scenario
  Duration length{};  // `for:`
  TargetKind target_kind = TargetKind::process;
  std::string target;  // the proxy's or the point's name; empty for the process
  Fault fault;
  // Which are hit, counted from 1 since the event began: passes at a point; on a TCP
  // proxy connections; on an HTTP proxy connections for reset and refuse, requests
  // for the others (of status those that match). Always all() for bandwidth,
  // blackhole, partition, tasks and memory.
  testing::Occurrence occurrence;
  std::uint64_t seed = 0;  // the event's own, out of the scenario's
  service::Place place;    // where the file has the target's name, or the event

  Duration end() const { return at + length; }
};

// "delay on db", "error at db.query", "memory".
std::string describe(const Event& event);

struct ProxyConfig {
  std::string name;
  service::HostPort listen;  // port 0: a free one
  service::HostPort upstream;
  Protocol protocol = Protocol::tcp;

  bool operator==(const ProxyConfig&) const = default;
};

struct Scenario {
  std::uint64_t seed = 1;
  Duration length{};                 // no event ends after it
  std::vector<ProxyConfig> proxies;  // in the file's order
  std::vector<Event> events;         // in the file's order

  static constexpr std::size_t kProxiesMax = 100;
  static constexpr std::size_t kEventsMax = 1000;

  const ProxyConfig* find_proxy(std::string_view name) const;
};

// A right file, and what it may not have meant.
struct CheckedScenario {
  Scenario scenario;
  // Warnings only. Mistakes that are known later (an unknown point) can be added.
  service::Diagnostics findings;
};

// All mistakes of a file at once, in the order of their places, warnings included.
using ScenarioParsed = std::expected<CheckedScenario, service::Diagnostics>;

// `file` is the name shown in messages.
ScenarioParsed parse_scenario(std::string file, std::string_view text);

// Reads `path` first: a file that cannot be read or is larger than 1 MiB is a
// mistake as well. Blocks; for start-up and tools.
ScenarioParsed load_scenario(const std::string& path);

// Adds an error for each event at a point that is not among `known`.
void check_points(const Scenario& scenario, std::span<const std::string_view> known,
                  service::Diagnostics& findings);

}  // namespace weir::chaos

#include "weir/chaos/internal/scenario_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "weir/chaos/internal/scenario_keys.h"
#include "weir/chaos/internal/scenario_rules.h"
#include "weir/chaos/internal/words.h"
#include "weir/http/headers.h"
#include "weir/service/section.h"
#include "weir/service/suggest.h"
#include "weir/service/text.h"

namespace weir::chaos::internal {
namespace {

using service::Diagnostics;
using service::Given;
using service::in_quotes;
using service::NamedSection;
using service::Place;
using service::Section;
using service::YamlNode;
using Problem = service::Fault;  // what is wrong with the file; a chaos::Fault is what it asks for

class Reader {
 public:
  Reader(const service::YamlTree& tree, Diagnostics& findings) : tree_(tree), findings_(findings) {}

  Scenario read();

 private:
  void read_proxy(const Section& section);
  void read_event(const Section& section);
  Given read_address(const Section& section, std::string_view key, service::HostPort& out);
  const FaultWord* read_fault_word(const Section& section);
  bool check_keys(const Section& section, const FaultWord& word);
  std::optional<testing::Occurrence> read_occurrence(const Section& section, const FaultWord& word);
  bool read_target(const Section& section, const FaultWord& word, Event& event);
  std::optional<Fault> read_fault(const Section& section, const FaultWord& word);

  std::optional<testing::Delay> read_delay(const Section& section);
  std::optional<Direction> read_direction(const Section& section);
  std::optional<After> read_after(const Section& section, bool time);
  std::optional<RequestMatch> read_match(const Section& section);
  std::optional<ErrorFault> read_error(const Section& section);
  std::optional<MemoryFault> read_memory(const Section& section);

  std::nullopt_t refuse(Place place, std::string message, std::string hint = "") {
    findings_.error(place, {std::move(message), std::move(hint)});
    return std::nullopt;
  }

  const service::YamlTree& tree_;
  Diagnostics& findings_;
  ScenarioDraft draft_;
  std::vector<std::string_view> proxy_names_;  // right or wrong in themselves
};

Scenario Reader::read() {
  const YamlNode& root = tree_.root;
  if (root.kind != YamlNode::Kind::map) {
    const bool null = root.kind == YamlNode::Kind::null;
    if (root.kind == YamlNode::Kind::broken || (null && !tree_.whole)) return {};
    refuse(std::max(root.place, Place{1, 1}), null ? "the file is empty" : "the file is no map of keys",
           "docs/chaos-scenario.md has one to start from");
    return {};
  }
  const Section top(scenario_schema(), root, "", "", Place{1, 1}, findings_, tree_.whole);
  top.read("seed", draft_.scenario.seed);
  draft_.length = top.read("length", draft_.scenario.length);
  const auto proxies = top.sections("proxies");
  for (const NamedSection& proxy : proxies) {
    if (const YamlNode* name = proxy.section.find("name")) proxy_names_.push_back(name->text);
  }
  for (const NamedSection& proxy : proxies) read_proxy(proxy.section);
  const auto events = top.sections("events");
  for (const NamedSection& event : events) read_event(event.section);
  const YamlNode* list = top.find("events");
  const bool no_events = !top.key_place("events") || (list != nullptr && list->children.empty());
  if (tree_.whole) check_scenario(draft_, no_events, findings_);
  return std::move(draft_.scenario);
}

Given Reader::read_address(const Section& section, std::string_view key, service::HostPort& out) {
  std::string text;
  const Given given = section.read(key, text);
  if (!given) return given;
  auto address = service::parse_listen_address(text);
  if (address) {
    out = std::move(*address);
    return given;
  }
  refuse(given.place, fmt::format("{}: {}", section.name_of(key), address.error().message),
         address.error().hint);
  return {.place = {}, .known = false};
}

void Reader::read_proxy(const Section& section) {
  ProxyConfig& config = draft_.scenario.proxies.emplace_back();
  ScenarioDraft::Proxy& places = draft_.proxies.emplace_back();
  places.name = section.read("name", config.name);
  if (places.name) {
    if (auto wrong = service::name_fault("proxy", config.name)) {
      findings_.error(places.name.place, std::move(*wrong));
    }
  }
  places.listen = read_address(section, "listen", config.listen);
  places.upstream = read_address(section, "upstream", config.upstream);
  if (places.upstream && config.upstream.port == 0) {
    refuse(places.upstream.place,
           fmt::format("{}: port 0 cannot be connected to", section.name_of("upstream")), "from 1 to 65535");
  }
  static constexpr std::array<std::string_view, 2> kProtocols{"tcp", "http"};
  if (const auto index = read_word(section, "protocol", kProtocols, findings_)) {
    config.protocol = static_cast<Protocol>(*index);
  }
}

void Reader::read_event(const Section& section) {
  Event event;
  event.place = section.place();
  event.seed = testing::seed_of(draft_.scenario.seed, draft_.scenario.events.size() + 1);
  const Given at = section.read("at", event.at), length = section.read("for", event.length);
  const FaultWord* word = read_fault_word(section);
  if (word == nullptr) return;
  const bool keys = check_keys(section, *word);
  const bool target = read_target(section, *word, event);
  const auto occurrence = read_occurrence(section, *word);
  auto fault = read_fault(section, *word);
  if (!at || !length || !keys || !target || !occurrence || !fault) return;
  event.occurrence = *occurrence;
  event.fault = std::move(*fault);
  draft_.scenario.events.push_back(std::move(event));
  draft_.events.push_back({.name = section.name(), .place = section.place()});
}

const FaultWord* Reader::read_fault_word(const Section& section) {
  std::vector<std::string_view> names;
  for (const FaultWord& word : fault_words()) names.push_back(word.name);
  const auto index = read_word(section, "fault", names, findings_);
  return index ? &fault_words()[*index] : nullptr;
}

// Every key that is there belongs to this fault, and those it needs are there.
bool Reader::check_keys(const Section& section, const FaultWord& word) {
  static constexpr std::array<std::string_view, 5> kCommon{"at", "for", "on", "point", "fault"};
  static constexpr std::array<std::string_view, 3> kOccurrence{"share", "nth", "every"};
  const auto among = [](const auto& keys, std::string_view key) {
    return std::ranges::find(keys, key) != keys.end();
  };
  bool right = true;
  for (const std::string_view key : scenario_schema().below("events.*")) {
    const Place place = section.key_place(key);
    const bool taken = among(kCommon, key) || among(word.required, key) || among(word.optional, key) ||
                       (word.occurs && among(kOccurrence, key));
    if (place && !taken) {
      refuse(place, fmt::format("fault {} takes no key \"{}\"", word.name, key), "take it away");
      right = false;
    }
    if (!place && among(word.required, key)) {
      refuse(section.place(), fmt::format("missing key \"{}\" in {}", key, section.name()),
             fmt::format("fault {} needs it, for example {}: {}", word.name, key,
                         scenario_schema().find(fmt::format("events.*.{}", key))->example));
      right = false;
    }
  }
  return right;
}

bool Reader::read_target(const Section& section, const FaultWord& word, Event& event) {
  const Place on_key = section.key_place("on"), point_key = section.key_place("point");
  const bool process = (word.places & in_process) != 0;
  if (on_key && point_key) {
    refuse(std::max(on_key, point_key), fmt::format("{} has both on and point", section.name()),
           "a fault is on a proxy or at a point: keep one of them");
    return false;
  }
  if (process) {
    if (!on_key && !point_key) return true;
    refuse(std::max(on_key, point_key), fmt::format("fault {} is of the whole process", word.name),
           fmt::format("take {} away", on_key ? "on" : "point"));
    return false;
  }
  if (!on_key && !point_key) {
    const bool proxy = (word.places & (at_tcp | at_http)) != 0;
    refuse(section.place(), fmt::format("{} does not say where", section.name()),
           proxy ? "add on: and a proxy's name" : "add point: and its name");
    return false;
  }
  event.target_kind = on_key ? TargetKind::proxy : TargetKind::point;
  const Given given = section.read(on_key ? "on" : "point", event.target);
  if (!given) return false;
  event.place = given.place;
  if (point_key) {
    auto wrong = service::name_fault("point", event.target);
    if (wrong) findings_.error(given.place, std::move(*wrong));
    if ((word.places & at_point) != 0) return !wrong;
    refuse(given.place, fmt::format("fault {} cannot be at a point", word.name),
           "it is for proxies: on: and a proxy's name");
    return false;
  }
  const ProxyConfig* proxy = draft_.scenario.find_proxy(event.target);
  if (proxy == nullptr) {
    const std::string_view meant = service::nearest(event.target, proxy_names_);
    refuse(given.place, fmt::format("there is no proxy {}", in_quotes(event.target)),
           meant.empty() ? "declare it under proxies" : fmt::format("did you mean {}?", in_quotes(meant)));
    return false;
  }
  if ((word.places & (proxy->protocol == Protocol::http ? at_http : at_tcp)) != 0) return true;
  refuse(given.place, fmt::format("fault {} cannot be on {}", word.name, in_quotes(event.target)),
         word.places == at_http ? "it speaks tcp: set its protocol to http"
                                : "it is for points: point: and its name");
  return false;
}

std::optional<testing::Occurrence> Reader::read_occurrence(const Section& section, const FaultWord& word) {
  if (!word.occurs) return testing::Occurrence::all();
  double share = 0;
  std::uint64_t nth = 0, every = 0;
  const Given by_share = section.read("share", share);
  const Given by_nth = section.read("nth", nth);
  const Given by_every = section.read("every", every);
  if (!by_share.known || !by_nth.known || !by_every.known) return std::nullopt;
  if (!!by_share + !!by_nth + !!by_every > 1) {
    return refuse(std::max({by_share.place, by_nth.place, by_every.place}),
                  fmt::format("{} has more than one of share, nth and every", section.name()),
                  "keep one of them");
  }
  if (by_share) return testing::Occurrence::share(share);
  if (by_nth) return testing::Occurrence::nth(nth);
  if (by_every) return testing::Occurrence::every(every);
  return testing::Occurrence::all();
}

std::optional<Fault> Reader::read_fault(const Section& section, const FaultWord& word) {
  if (word.name == "delay") {
    const auto direction = read_direction(section);
    if (section.key_place("direction") && section.key_place("point")) {
      return refuse(section.key_place("direction"), "a point has no direction", "take it away");
    }
    const auto delay = read_delay(section);
    if (direction && delay) return DelayFault{.delay = *delay, .direction = *direction};
  } else if (word.name == "bandwidth") {
    BandwidthFault fault;
    const auto direction = read_direction(section);
    if (section.read("rate", fault.per_second) && direction)
      return BandwidthFault{fault.per_second, *direction};
  } else if (word.name == "reset") {
    if (const auto after = read_after(section, true)) return ResetFault{*after};
  } else if (word.name == "blackhole") {
    if (const auto direction = read_direction(section)) return BlackholeFault{*direction};
  } else if (word.name == "truncate") {
    if (const auto after = read_after(section, false)) return TruncateFault{after->bytes};
  } else if (word.name == "status") {
    std::uint32_t status = 0;
    auto match = read_match(section);
    if (section.read("status", status) && match)
      return StatusFault{static_cast<int>(status), std::move(*match)};
  } else if (word.name == "error") {
    if (const auto fault = read_error(section)) return *fault;
  } else if (word.name == "tasks") {
    TasksFault fault;
    if (section.read("count", fault.count)) return fault;
  } else if (word.name == "memory") {
    if (const auto fault = read_memory(section)) return *fault;
  } else {
    if (word.name == "hang") return HangFault{};
    return word.name == "refuse" ? Fault(RefuseFault{}) : Fault(PartitionFault{});
  }
  return std::nullopt;
}

std::optional<testing::Delay> Reader::read_delay(const Section& section) {
  testing::Delay delay;
  const YamlNode* node = section.find("delay");
  if (node == nullptr) return std::nullopt;
  if (node->kind != YamlNode::Kind::map) {
    testing::ConstantDelay constant;
    if (!section.read("delay", constant.value)) return std::nullopt;
    delay.shape = constant;
    return delay;
  }
  const Section map(scenario_schema(), *node, "events.*.delay", section.name_of("delay"),
                    section.key_place("delay"), findings_);
  bool right = map.read("max", delay.max).known;
  std::vector<std::string_view> shapes;
  if (const auto uniform = map.section("uniform")) {
    testing::UniformDelay shape;
    shapes.push_back("uniform");
    const Given min = uniform->read("min", shape.min), max = uniform->read("max", shape.max);
    right = right && min && max;
    if (min && max && shape.max < shape.min) {
      return refuse(max.place, fmt::format("{} is less than min", uniform->name_of("max")), "exchange them");
    }
    delay.shape = shape;
  }
  if (const auto normal = map.section("normal")) {
    testing::NormalDelay shape;
    shapes.push_back("normal");
    right = normal->read("mean", shape.mean) && right;
    right = normal->read("sd", shape.sd) && right;
    delay.shape = shape;
  }
  if (const auto exponential = map.section("exponential")) {
    testing::ExponentialDelay shape;
    shapes.push_back("exponential");
    right = exponential->read("mean", shape.mean) && right;
    delay.shape = shape;
  }
  if (const auto pareto = map.section("pareto")) {
    testing::ParetoDelay shape;
    shapes.push_back("pareto");
    right = pareto->read("min", shape.min) && right;
    right = pareto->read("shape", shape.shape) && right;
    delay.shape = shape;
  }
  if (!right) return std::nullopt;
  if (shapes.size() == 1) return delay;
  return refuse(map.place(),
                shapes.empty() ? fmt::format("{} names no distribution", map.name())
                               : fmt::format("{} is {}", map.name(), fmt::join(shapes, " and ")),
                "one of uniform, normal, exponential and pareto, or a duration");
}

std::optional<Direction> Reader::read_direction(const Section& section) {
  static constexpr std::array<std::string_view, 3> kDirections{"both", "up", "down"};
  if (!section.key_place("direction")) return Direction::both;
  const auto index = read_word(section, "direction", kDirections, findings_);
  if (!index) return std::nullopt;
  return static_cast<Direction>(*index);
}

// Bytes, or where `time` is allowed a duration.
std::optional<After> Reader::read_after(const Section& section, bool time) {
  static constexpr Bytes kBytesMax{1ull << 40};
  std::string text;
  const Given given = section.read("after", text);
  if (!given) return given.known ? std::optional(After{}) : std::nullopt;
  if (const auto bytes = parse_bytes(text); bytes && *bytes <= kBytesMax) return After{.bytes = *bytes};
  if (const auto span = parse_duration(text); time && span && *span <= 1h) return After{.time = *span};
  return refuse(given.place,
                fmt::format("{} must be {}, is {}", section.name_of("after"),
                            time ? "a number of bytes or a duration" : "a number of bytes", in_quotes(text)),
                time ? "as in 4KiB, at most 1TiB, or 50ms, at most 1h" : "as in 4KiB, at most 1TiB");
}

std::optional<RequestMatch> Reader::read_match(const Section& section) {
  RequestMatch match;
  if (!section.key_place("match")) return match;
  const auto map = section.section("match");
  if (!map) return std::nullopt;
  const Given method = map->read("method", match.method);
  const Given path = map->read("path", match.path);
  std::string field;
  const Given header = map->read("header", field);
  if (!method.known || !path.known || !header.known) return std::nullopt;
  if (!method && !path && !header) {
    return refuse(map->place(), fmt::format("{} is empty", map->name()),
                  "method, path or header; or take it away: every request matches then");
  }
  if (method && !http::is_token(match.method)) {
    return refuse(method.place, fmt::format("{} is no method", in_quotes(match.method)), "for example GET");
  }
  if (path && !match.path.starts_with('/') && !match.path.starts_with('*')) {
    return refuse(
        path.place,
        fmt::format("{} must begin with '/' or '*', is {}", map->name_of("path"), in_quotes(match.path)),
        "for example \"/v1/*\"");
  }
  if (!header) return match;
  const std::size_t colon = std::min(field.find(':'), field.size());
  match.header_name = field.substr(0, colon);
  const std::size_t value = field.find_first_not_of(" \t", colon + (colon < field.size() ? 1 : 0));
  if (value != std::string::npos) match.header_value = field.substr(value);
  if (http::is_token(match.header_name)) return match;
  return refuse(header.place, fmt::format("{} is no header field", in_quotes(field)),
                "for example \"X-Tenant-ID: acme\"");
}

std::optional<ErrorFault> Reader::read_error(const Section& section) {
  std::string text;
  const Given given = section.read("error", text);
  if (!given) return std::nullopt;
  const auto error = parse_error_words(text);
  if (error) return *error;
  return refuse(given.place, fmt::format("{}: {}", section.name_of("error"), error.error().message),
                error.error().hint);
}

std::optional<MemoryFault> Reader::read_memory(const Section& section) {
  MemoryFault fault;
  const Given bytes = section.read("bytes", fault.bytes);
  const Given share = section.read("share", fault.share);
  if (!bytes.known || !share.known) return std::nullopt;
  if (bytes && share) {
    return refuse(std::max(bytes.place, share.place),
                  fmt::format("{} has both bytes and share", section.name()), "keep one of them");
  }
  if (bytes || share) return fault;
  return refuse(section.place(), fmt::format("missing key \"bytes\" in {}", section.name()),
                "fault memory needs bytes, as in bytes: 512MiB, or a share of the limit, as in share: 0.8");
}

}  // namespace

Scenario read_scenario(const service::YamlTree& tree, Diagnostics& findings) {
  return Reader(tree, findings).read();
}

}  // namespace weir::chaos::internal

#include "weir/service/internal/admission_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <span>
#include <tuple>
#include <vector>

#include "weir/bounds/gcra.h"
#include "weir/service/suggest.h"
#include "weir/service/text.h"

namespace weir::service::internal {
namespace {

constexpr std::array<std::string_view, 5> kLimiters{"fixed", "queue_delay", "gradient2", "vegas", "aimd"};
constexpr std::array<std::string_view, 4> kOrders{"fifo", "codel", "priority", "fair"};
constexpr std::array<std::string_view, 5> kLevels{"sheddable", "low", "normal", "high", "critical"};

// One of some words.
void read_word(const Section& section, std::string_view key, std::span<const std::string_view> words,
               std::string& out, Diagnostics& findings) {
  std::string text;
  const Given given = section.read(key, text);
  if (!given) return;
  if (std::ranges::find(words, text) != words.end()) {
    out = std::move(text);
    return;
  }
  const std::string_view meant = nearest(text, std::vector<std::string_view>(words.begin(), words.end()));
  findings.error(given.place,
                 {fmt::format("{} is {}, which is none of its words", section.name_of(key), in_quotes(text)),
                  meant.empty() ? fmt::format("one of {}", fmt::join(words, ", "))
                                : fmt::format("did you mean {}?", meant)});
}

bool is_alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

void read_priority(const Section& section, PriorityConfig& config, Diagnostics& findings) {
  read_header_key(section, config.header, findings);
  read_word(section, "default", kLevels, config.fallback, findings);
  for (const NamedSection& word : section.sections("classes")) {
    std::string level = "normal";
    read_word(word.section, "level", kLevels, level, findings);
    config.classes.emplace(word.name, std::move(level));
  }
  if (const auto shares = section.section("shares")) {
    for (std::size_t i = 0; i < kLevels.size(); ++i) shares->read(kLevels[i], config.shares[i]);
    const double sum = std::accumulate(config.shares.begin(), config.shares.end(), 0.0);
    if (sum >= 1) {
      findings.error(shares->place(), {fmt::format("{} are {} of the capacity together", shares->name(), sum),
                                       "less than 1, so that something is left for who comes first"});
    }
  }
}

void read_memory(const Section& section, MemoryConfig& config, Diagnostics& findings) {
  section.read("limit", config.limit);
  const Given shed = section.read("shed_at", config.shed_at);
  const Given all = section.read("refuse_at", config.refuse_at);
  if (shed.known && all.known && config.shed_at >= config.refuse_at) {
    findings.error((shed ? shed : all).place,
                   {fmt::format("{} is {}, and all is refused from {} on", section.name_of("shed_at"),
                                config.shed_at, config.refuse_at),
                    "less than refuse_at"});
  }
}

}  // namespace

Given read_flag(const Section& section, std::string_view key, bool& out, Diagnostics& findings) {
  std::string text;
  const Given given = section.read(key, text);
  if (!given) return given;
  if (text != "true" && text != "false") {
    findings.error(given.place,
                   {fmt::format("{} is true or false, is {}", section.name_of(key), in_quotes(text)),
                    fmt::format("for example {}: true", key)});
    return {.place = {}, .known = false};
  }
  out = text == "true";
  return given;
}

bool is_token(std::string_view text) {
  static constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_alnum(c) || kOthers.find(c) != std::string_view::npos;
  });
}

std::expected<std::string, Fault> parse_header_key(std::string_view name, std::string_view text) {
  static constexpr std::string_view kPrefix = "header:";
  if (text.starts_with(kPrefix)) {
    const std::string_view header = text.substr(kPrefix.size());
    if (is_token(header)) return std::string(header);
    return std::unexpected(
        Fault{fmt::format("{} is no header name", in_quotes(header)), "for example header:X-Tenant-ID"});
  }
  return std::unexpected(Fault{fmt::format("{} {} does not say where to look", name, in_quotes(text)),
                               is_token(text) ? fmt::format("did you mean \"header:{}\"?", text)
                                              : std::string("write \"header:\" and a header's name")});
}

std::vector<std::string> words_of(std::string_view text) {
  static constexpr std::string_view kBetween = " \t,";
  std::vector<std::string> words;
  while (true) {
    const std::size_t begin = text.find_first_not_of(kBetween);
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find_first_of(kBetween), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

void read_header_key(const Section& section, std::string& header, Diagnostics& findings) {
  std::string key;
  const Given given = section.read("key", key);
  if (!given) return;
  auto parsed = parse_header_key(section.name_of("key"), key);
  if (parsed) header = std::move(*parsed);
  if (!parsed) findings.error(given.place, std::move(parsed.error()));
}

void read_limiter(const LimiterPlace& of, LimiterConfig& config, Diagnostics& findings) {
  const Section& section = of.section;
  read_word(section, of.word, kLimiters, config.algorithm, findings);
  const Given min = section.read("min", config.min);
  const Given initial = section.read("initial", config.initial);
  const Given objective = of.has_objective ? section.read("objective", config.objective) : Given{};
  for (const auto& [key, given, value] :
       {std::tuple("min", min, config.min), std::tuple("initial", initial, config.initial)}) {
    if (!given || !of.limit || value <= of.limit_value) continue;
    findings.error(given.place, {fmt::format("{} is {}, more than the limit ({})", section.name_of(key),
                                             value, findings.at(of.limit.place)),
                                 fmt::format("at most {}", of.limit_value)});
  }
  if (min && initial && config.initial < config.min) {
    findings.error(initial.place, {fmt::format("{} is {}, less than the least, {}",
                                               section.name_of("initial"), config.initial, config.min),
                                   fmt::format("from {} to {}", config.min, of.limit_value)});
  }
  if (!config.moves() && (min || initial || objective)) {
    const Place place = (min ? min : initial ? initial : objective).place;
    findings.warn(place,
                  {fmt::format("{} have no effect where the {} is fixed",
                               of.has_objective ? "min, initial and objective" : "min and initial", of.word),
                   fmt::format("set {}, for example queue_delay, or take them away", of.word)});
  } else if (objective && config.algorithm != "queue_delay") {
    findings.warn(objective.place, {fmt::format("{} has no effect with limiter {}",
                                                section.name_of("objective"), config.algorithm),
                                    "it is queue_delay's"});
  }
}

void read_order(const Section& queue, QueueConfig& config, Diagnostics& findings) {
  read_word(queue, "order", kOrders, config.order, findings);
}

void read_rate(const Section& rate, RateConfig& config, Diagnostics& findings) {
  const Given limit = rate.read("limit", config.limit);
  rate.read("per", config.per);
  config.burst = config.limit;
  const Given burst = rate.read("burst", config.burst);
  if (!limit || !burst.known) return;
  const auto right = bounds::Gcra::verify({.units = config.limit, .per = config.per, .burst = config.burst});
  if (!right) findings.error(rate.place(), {fmt::format("{}: {}", rate.name(), right.error())});
}

namespace {

// One of bounds.tenant.overrides; false: it is not to be counted on.
bool read_override(const Section& one, const TenantConfig& tenant, std::uint32_t most, TenantOverride& config,
                   Diagnostics& findings) {
  std::uint32_t inflight = 0;
  const Given given = one.read("inflight", inflight);
  if (given && most > 0 && inflight > most) {
    findings.error(given.place,
                   {fmt::format("{} is {}, more than the {} that bounds.inflight.limit lets in altogether",
                                one.name_of("inflight"), inflight, most),
                    fmt::format("at most {}", most)});
    return false;
  }
  if (given) config.inflight = inflight;
  const auto rate = one.section("rate");
  if (rate) read_rate(*rate, config.rate.emplace(), findings);
  if (rate && !tenant.rate) {
    findings.error(rate->place(), {fmt::format("{} is there, and no rate for the others", rate->name()),
                                   "declare bounds.tenant.rate, or take it away"});
  }
  if (!one.key_place("inflight") && !one.key_place("rate")) {
    findings.error(one.place(), {fmt::format("{} changes nothing", one.name()),
                                 "give it an inflight or a rate, or take it away"});
  }
  return (!given.place || given.known) && (!rate || config.rate->limit > 0);
}

}  // namespace

void read_overrides(const Section& tenant, TenantConfig& config, std::uint32_t most, Diagnostics& findings) {
  for (const NamedSection& one : tenant.sections("overrides")) {
    if (one.name.size() > 256) {
      findings.error(one.section.place(),
                     {fmt::format("{} has a name of {} bytes", tenant.name_of("overrides"), one.name.size()),
                      "keys are at most 256 bytes long"});
      continue;
    }
    TenantOverride numbers;
    if (read_override(one.section, config, most, numbers, findings))
      config.overrides.emplace(one.name, std::move(numbers));
  }
}

void read_importance(const Section& bounds, GatewayConfig& config, Diagnostics& findings) {
  if (const auto part = bounds.section("priority")) read_priority(*part, config.priority.emplace(), findings);
  if (const auto part = bounds.section("memory")) read_memory(*part, config.memory.emplace(), findings);
  if (config.inflight.queue.order == "priority" && !config.priority) {
    findings.warn(bounds.place(),
                  {"bounds.inflight.queue.order is priority, and all are as important as each other",
                   "declare bounds.priority, or another order"});
  }
}

}  // namespace weir::service::internal

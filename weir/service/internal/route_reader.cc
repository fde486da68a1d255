#include "weir/service/internal/route_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "weir/http/message.h"
#include "weir/service/internal/admission_reader.h"
#include "weir/service/text.h"

namespace weir::service::internal {
namespace {

// Fields that say how a message is framed or where it goes: no route may change them.
constexpr std::array<std::string_view, 6> kNotToEdit{"host",    "content-length", "transfer-encoding",
                                                     "trailer", "connection",     "upgrade"};

bool is_path_text(std::string_view text, std::string_view without) {
  return text.find_first_of(without) == std::string_view::npos &&
         std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c < 0x7F; });
}

std::optional<Fault> begins_fault(std::string_view name, std::string_view text) {
  if (text.starts_with('/')) return std::nullopt;
  return Fault{fmt::format("{} must begin with '/', is {}", name, in_quotes(text)), "for example \"/v1/\""};
}

std::optional<Fault> match_fault(std::string_view name, std::string_view match) {
  if (auto fault = begins_fault(name, match)) return fault;
  const std::size_t wrong = match.find_first_of("?#*{}<>\"\\ \t\n");
  if (wrong == std::string_view::npos && is_path_text(match, "")) return std::nullopt;
  const std::string what =
      wrong == std::string_view::npos ? "a character that no path has" : in_quotes(match.substr(wrong, 1));
  return Fault{fmt::format("{} {} has {} in it", name, in_quotes(match), what),
               "it is the beginning of a path, as in \"/v1/\": no patterns, no query"};
}

// Each {name} is a segment of its own.
std::optional<Fault> path_fault(std::string_view name, std::string_view path) {
  if (auto fault = begins_fault(name, path)) return fault;
  const Fault wrong{fmt::format("{} {} is no path", name, in_quotes(path)),
                    "a whole path, as in \"/v1/items/{id}\": a {name} stands for all between two '/'"};
  if (!is_path_text(path, "?#*<>\"\\")) return wrong;
  while (!path.empty()) {
    path.remove_prefix(1);  // the '/'
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    if (segment.find_first_of("{}") == std::string_view::npos) continue;
    const bool whole = segment.size() > 2 && segment.starts_with('{') && segment.ends_with('}');
    if (!whole || segment.substr(1, segment.size() - 2).find_first_of("{}") != std::string_view::npos)
      return wrong;
  }
  return std::nullopt;
}

// A path with or without a query, in which {names} are those of the route's.
std::optional<Fault> part_path_fault(std::string_view name, std::string_view path,
                                     std::string_view of_route) {
  if (auto fault = begins_fault(name, path)) return fault;
  if (!is_path_text(path, "#*<>\"\\")) {
    return Fault{fmt::format("{} {} is no path", name, in_quotes(path)),
                 "for example \"/v1/items/{id}?full=1\""};
  }
  for (std::size_t at = path.find_first_of("{}"); at != std::string_view::npos;
       at = path.find_first_of("{}", at)) {
    const std::size_t end = path.find('}', at);
    const std::string_view in = path.substr(at, end == std::string_view::npos ? end : end - at + 1);
    const bool whole = in.size() > 2 && in.front() == '{' && in.back() == '}';
    if (!whole || of_route.find(in) == std::string_view::npos) {
      return Fault{fmt::format("{} {} has {}, which the path of the route has not", name, in_quotes(path),
                               in_quotes(in)),
                   of_route.empty() ? std::string("a route with path, as in path: \"/items/{id}\"")
                                    : fmt::format("one of those in {}", in_quotes(of_route))};
    }
    at += in.size();
  }
  return std::nullopt;
}

std::optional<Fault> host_fault(std::string_view name, std::string_view host) {
  std::string_view rest = host;
  if (rest.starts_with("*.")) rest.remove_prefix(2);
  const bool right =
      !rest.empty() && !rest.starts_with('.') && !rest.ends_with('.') &&
      rest.find("..") == std::string_view::npos && std::ranges::all_of(rest, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
      });
  if (right) return std::nullopt;
  return Fault{fmt::format("{} {} is no host", name, in_quotes(host)),
               "for example shop.example.com, or *.example.com for all below it; without a port"};
}

// "A, B": what is between commas, without the blanks around it.
std::vector<std::string> listed(std::string_view text) {
  std::vector<std::string> words;
  for (;;) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view word = text.substr(0, comma);
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);
    words.emplace_back(word);
    if (comma == text.size()) return words;
    text.remove_prefix(comma + 1);
  }
}

// Reports a name that is no header's, or one that is not to be touched.
bool check_header(std::string_view key, std::string_view name, Place place, bool edited,
                  Diagnostics& findings) {
  if (!is_token(name)) {
    findings.error(place,
                   {fmt::format("{}: {} is no header name", key, in_quotes(name)), "for example X-Env"});
    return false;
  }
  const bool kept = edited && std::ranges::any_of(kNotToEdit, [name](std::string_view one) {
                      return http::equals_ignoring_case(one, name);
                    });
  if (kept) {
    findings.error(place, {fmt::format("{}: {} is the gateway's to write", key, name), "leave it as it is"});
  }
  return !kept;
}

class Reader {
 public:
  Reader(const Section& section, RouteConfig& config, Diagnostics& findings)
      : section_(section), config_(config), findings_(findings) {}

  Draft::Route read() {
    read_pattern();
    read_conditions();
    if (section_.key_place("compose")) {
      read_compose();
    } else {
      read_upstreams();
    }
    read_shadow();
    read_rewrite();
    read_edits("request", config_.request);
    read_edits("reply", config_.reply);
    return std::move(places_);
  }

 private:
  void read_pattern();
  void read_conditions();
  void read_headers();
  void read_upstreams();
  void read_sticky();
  void read_compose();
  void read_part(const NamedSection& named);
  void read_shadow();
  void read_rewrite();
  void read_edits(std::string_view key, HeaderEdits& edits);
  // Either this key or that one.
  void expect_one_of(std::string_view key, std::string_view other, std::string_view example);
  template <typename Check>
  Given read_text(std::string_view key, std::string& out, Check fault);

  const Section& section_;
  RouteConfig& config_;
  Diagnostics& findings_;
  Draft::Route places_;
};

void Reader::expect_one_of(std::string_view key, std::string_view other, std::string_view example) {
  const Place one = section_.key_place(key);
  const Place two = section_.key_place(other);
  if (one && two) {
    findings_.error(std::max(one, two),
                    {fmt::format("{} has both {} and {}", section_.name(), key, other), "keep one of them"});
  } else if (!one && !two) {
    findings_.error(section_.place(),
                    {fmt::format("missing key \"{}\" in {}", key, section_.name()), std::string(example)});
  }
}

template <typename Check>
Given Reader::read_text(std::string_view key, std::string& out, Check fault) {
  const Given given = section_.read(key, out);
  if (!given) return given;
  auto wrong = fault(section_.name_of(key), out);
  if (!wrong) return given;
  findings_.error(given.place, std::move(*wrong));
  return {.place = {}, .known = false};
}

void Reader::read_pattern() {
  expect_one_of("match", "path", "for example match: \"/v1/\"; or path, for the whole of it");
  const Given match = read_text("match", config_.match, match_fault);
  const Given path = read_text("path", config_.path, path_fault);
  places_.match = match ? match : path;
}

void Reader::read_conditions() {
  const Given host = read_text("host", config_.host, host_fault);
  if (!host) config_.host.clear();
  std::string methods;
  if (const Given given = section_.read("method", methods)) {
    config_.methods = listed(methods);
    for (const std::string& method : config_.methods) {
      if (is_token(method)) continue;
      findings_.error(given.place,
                      {fmt::format("{}: {} is no method", section_.name_of("method"), in_quotes(method)),
                       "methods with commas between them, as in \"GET, HEAD\""});
      config_.methods.clear();
      break;
    }
  }
  read_headers();
}

void Reader::read_headers() {
  for (const NamedSection& named : section_.sections("headers")) {
    const Section& header = named.section;
    if (!check_header(section_.name_of("headers"), named.name, header.place(), false, findings_)) continue;
    const bool twice = std::ranges::any_of(config_.headers, [&named](const HeaderMatch& match) {
      return http::equals_ignoring_case(match.name, named.name);
    });
    if (twice) {
      findings_.error(header.place(), {fmt::format("{} is there twice", header.name()), "keep one of them"});
    }
    HeaderMatch& match = config_.headers.emplace_back();
    match.name = named.name;
    const Given prefix = header.read("prefix", match.value);
    const Given exact = header.read("exact", match.value);
    if (prefix && exact) {
      findings_.error(std::max(prefix.place, exact.place),
                      {fmt::format("{} has both exact and prefix", header.name()), "keep one of them"});
    }
    match.kind = exact    ? HeaderMatch::Kind::exact
                 : prefix ? HeaderMatch::Kind::prefix
                          : HeaderMatch::Kind::present;
  }
}

void Reader::read_upstreams() {
  expect_one_of("upstream", "split", "for example upstream: catalog");
  // It leads somewhere, and nobody knows where.
  if (!section_.key_place("upstream") && !section_.key_place("split")) places_.upstreams.emplace_back();
  if (section_.key_place("upstream")) {
    const Given given = section_.read("upstream", config_.upstream);
    places_.upstreams.emplace_back(config_.upstream, given);
  }
  std::uint64_t total = 0;
  for (const NamedSection& named : section_.sections("split")) {
    SplitPart& part = config_.split.emplace_back();
    const Given given = named.section.read("upstream", part.upstream);
    named.section.read("weight", part.weight);
    total += part.weight;
    const bool twice = given && std::ranges::count(config_.split, part.upstream, &SplitPart::upstream) > 1;
    if (twice) {
      findings_.error(given.place, {fmt::format("{} has upstream {} twice", section_.name_of("split"),
                                                in_quotes(part.upstream)),
                                    "each once, with a weight"});
    }
    places_.upstreams.emplace_back(part.upstream, given);
  }
  if (!config_.split.empty() && total == 0) {
    findings_.error(
        section_.key_place("split"),
        {fmt::format("all weights of {} are 0", section_.name_of("split")), "one at least must be above 0"});
  }
  read_sticky();
}

void Reader::read_sticky() {
  std::string text;
  const Given given = section_.read("sticky", text);
  if (!given) return;
  const std::size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  const std::string name = colon == std::string::npos ? "" : text.substr(colon + 1);
  using enum StickyKey::Kind;
  if (text == "ip") {
    config_.sticky = {.kind = ip};
  } else if ((kind == "header" || kind == "cookie") && is_token(name)) {
    config_.sticky = {.kind = kind == "header" ? header : cookie, .name = name};
  } else {
    findings_.error(given.place, {fmt::format("{} {} does not say what belongs together",
                                              section_.name_of("sticky"), in_quotes(text)),
                                  "header: and a name, cookie: and a name, or ip"});
  }
  if (section_.key_place("split")) return;
  findings_.warn(given.place,
                 {fmt::format("{} has no effect without split", section_.name_of("sticky")), "take it away"});
}

// Beside it nothing else says where requests go.
void Reader::read_compose() {
  for (const std::string_view key : {"upstream", "split", "sticky", "shadow", "rewrite"}) {
    const Place place = section_.key_place(key);
    if (!place) continue;
    findings_.error(place, {fmt::format("{} has both compose and {}", section_.name(), key),
                            "keep one of them: each part has an upstream and a path"});
  }
  const auto other = std::ranges::find_if(
      config_.methods, [](const std::string& method) { return method != "GET" && method != "HEAD"; });
  if (other != config_.methods.end()) {
    findings_.error(section_.key_place("method"),
                    {fmt::format("{}: parts are asked with GET, not with {}", section_.name_of("method"),
                                 in_quotes(*other)),
                     "GET, HEAD or none: for other methods a route of their own"});
  }
  if (config_.methods.empty()) config_.methods = {"GET", "HEAD"};
  const auto compose = section_.section("compose");
  if (!compose) return;
  ComposeConfig config;
  compose->read("at_once", config.at_once);
  compose->read("timeout", config.timeout);
  const Given all = compose->read("body_bytes", config.body_bytes);
  config_.compose = std::move(config);
  for (const NamedSection& named : compose->sections("parts")) read_part(named);
  if (config_.compose->parts.empty()) {  // reported
    config_.compose.reset();
    places_.upstreams.emplace_back();
    return;
  }
  config_.upstream = config_.compose->main_part().upstream;
  const auto larger = std::ranges::find_if(config_.compose->parts, [this](const PartConfig& part) {
    return part.body_bytes > config_.compose->body_bytes;
  });
  if (all && larger != config_.compose->parts.end()) {
    findings_.warn(
        all.place,
        {fmt::format("{} is {}: part {} may have {} and never gets as many", compose->name_of("body_bytes"),
                     value_text(KeyKind::bytes, config_.compose->body_bytes.count), in_quotes(larger->name),
                     value_text(KeyKind::bytes, larger->body_bytes.count)),
         "as large as all parts together"});
  }
}

void Reader::read_part(const NamedSection& named) {
  const Section& section = named.section;
  PartConfig& part = config_.compose->parts.emplace_back();
  part.name = named.name;
  if (auto fault = name_fault("part", named.name)) findings_.error(section.place(), std::move(*fault));
  if (named.name == "missing") {
    findings_.error(section.place(),
                    {"a part may not be called \"missing\": the reply has a list of that name",
                     "call it something else"});
  }
  places_.upstreams.emplace_back("", section.read("upstream", part.upstream));
  places_.upstreams.back().first = part.upstream;
  const Given path = section.read("path", part.path);
  if (path) {
    if (auto fault = part_path_fault(section.name_of("path"), part.path, config_.path))
      findings_.error(path.place, std::move(*fault));
  }
  read_flag(section, "required", part.required, findings_);
  section.read("timeout", part.timeout);
  section.read("body_bytes", part.body_bytes);
}

void Reader::read_shadow() {
  const auto shadow = section_.section("shadow");
  if (!shadow) return;
  ShadowConfig& config = config_.shadow.emplace();
  const Given upstream = shadow->read("upstream", config.upstream);
  shadow->read("share", config.share);
  shadow->read("inflight", config.inflight);
  shadow->read("per_second", config.per_second);
  shadow->read("body_bytes", config.body_bytes);
  places_.upstreams.emplace_back(config.upstream, upstream);
}

void Reader::read_rewrite() {
  std::string text;
  const Given given = read_text("rewrite", text, match_fault);
  if (!given) return;
  config_.rewrite = std::move(text);
  if (!section_.key_place("path")) return;
  findings_.error(given.place,
                  {fmt::format("{} is for a route with match, whose beginning it takes the place of",
                               section_.name_of("rewrite")),
                   "take it away, or use match"});
}

void Reader::read_edits(std::string_view key, HeaderEdits& edits) {
  const auto section = section_.section(key);
  if (!section) return;
  for (NamedText& one : section->texts("set")) {
    if (!check_header(section->name_of("set"), one.name, one.place, true, findings_)) continue;
    const bool clean =
        std::ranges::all_of(one.text, [](unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7F); });
    if (!clean) {
      findings_.error(one.place, {fmt::format("{}.{} has a character that no header has",
                                              section->name_of("set"), one.name),
                                  "one line of text"});
    }
    edits.set.emplace_back(std::move(one.name), std::move(one.text));
  }
  std::string names;
  const Given remove = section->read("remove", names);
  if (!remove) return;
  edits.remove = listed(names);
  for (const std::string& name : edits.remove) {
    if (!check_header(section->name_of("remove"), name, remove.place, true, findings_)) break;
  }
}

}  // namespace

Draft::Route read_route(const Section& section, RouteConfig& config, Diagnostics& findings) {
  return Reader(section, config, findings).read();
}

}  // namespace weir::service::internal

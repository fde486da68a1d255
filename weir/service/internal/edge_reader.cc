#include "weir/service/internal/edge_reader.h"

#include <fmt/format.h>

#include "weir/base/units.h"
#include "weir/service/text.h"

namespace weir::service::internal {
namespace {

void read_networks(const Section& section, std::string_view key, std::vector<net::Network>& out,
                   Diagnostics& findings) {
  for (const Section::Item& item : section.items(key)) {
    if (const Result<net::Network> network = net::Network::parse(item.text)) {
      out.push_back(*network);
    } else {
      findings.error(item.place,
                     {fmt::format("{}: {} is no network", section.name_of(key), in_quotes(item.text)),
                      "an address, or one with a length behind which no bit is set: 10.0.0.0/8"});
    }
  }
}

// One of two words.
void read_choice(const Section& section, std::string_view key, std::string_view first,
                 std::string_view second, std::string& out, Diagnostics& findings) {
  std::string text;
  const Given given = section.read(key, text);
  if (!given) return;
  if (text == first || text == second) {
    out = text;
    return;
  }
  findings.error(given.place, {fmt::format("{} is neither {} nor {}, is {}", section.name_of(key), first,
                                           second, in_quotes(text)),
                               fmt::format("for example {}: {}", key, first)});
}

void read_flag(const Section& section, std::string_view key, bool& out, Diagnostics& findings) {
  std::string word = out ? "true" : "false";
  read_choice(section, key, "true", "false", word, findings);
  out = word == "true";
}

void read_http2(const Section& server, Http2Config& config, Diagnostics& findings) {
  const auto section = server.section("http2");
  if (!section) return;
  read_flag(*section, "enabled", config.enabled, findings);
  const Given streams = section->read("max_streams", config.max_streams);
  const Given stream = section->read("stream_window", config.stream_window);
  const Given connection = section->read("connection_window", config.connection_window);
  if (!config.enabled) {
    for (const Given& given : {streams, stream, connection}) {
      if (!given) continue;
      findings.warn(given.place, {fmt::format("{} has no effect where enabled is false", section->name()),
                                  "leave only enabled"});
      return;
    }
  }
  if (stream && config.stream_window > config.connection_window) {
    findings.warn(stream.place,
                  {fmt::format("{} is never used whole: a connection's is {}",
                               section->name_of("stream_window"), weir::to_string(config.connection_window)),
                   "make connection_window at least as large"});
  }
}

}  // namespace

void read_edge(const Section& server, ServerConfig& config, Diagnostics& findings) {
  read_networks(server, "trusted", config.trusted, findings);
  read_choice(server, "client_field", "x_forwarded_for", "forwarded", config.client_field, findings);
  read_networks(server, "proxy_protocol", config.proxy_protocol, findings);
  read_http2(server, config.http2, findings);
  read_flag(server, "rate_fields", config.rate_fields, findings);
  server.read("websockets", config.websockets);
  server.read("websocket_idle", config.websocket_idle);
  if (const Place place = server.key_place("client_field"); place && config.trusted.empty()) {
    findings.warn(place, {"server.client_field is without effect where nobody is trusted",
                          "add server.trusted: [...], the networks of the proxies before this one"});
  }
}

void read_access_log(const Section& top, GatewayConfig& config, Diagnostics& findings) {
  const auto section = top.section("access_log");
  if (!section) return;
  AccessLogConfig& log = config.access_log.emplace();
  section->read("path", log.path);
  read_choice(*section, "format", "json", "combined", log.format, findings);
  section->read("buffer", log.buffer);
}

}  // namespace weir::service::internal

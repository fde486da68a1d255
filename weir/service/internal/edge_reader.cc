#include "weir/service/internal/edge_reader.h"

#include <fmt/format.h>

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

}  // namespace

void read_edge(const Section& server, ServerConfig& config, Diagnostics& findings) {
  read_networks(server, "trusted", config.trusted, findings);
  read_choice(server, "client_field", "x_forwarded_for", "forwarded", config.client_field, findings);
  read_networks(server, "proxy_protocol", config.proxy_protocol, findings);
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

#include "weir/service/internal/tls_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "weir/service/internal/admission_reader.h"
#include "weir/service/text.h"

namespace weir::service::internal {
namespace {

constexpr std::array<std::string_view, 3> kClientAuth{"none", "request", "require"};

// Without a trailing dot, a wildcard only as the whole first label.
bool is_server_name(std::string_view name) {
  if (name.starts_with("*.")) name.remove_prefix(2);
  return !name.empty() && name.size() <= 253 && !name.starts_with('.') && !name.ends_with('.') &&
         std::ranges::all_of(name, [](unsigned char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                  c == '.' || c == '_';
         });
}

void read_certificate(const Section& section, TlsConfig& tls, Diagnostics& findings) {
  net::TlsServerContext::Certificate& certificate = tls.certificates.emplace_back();
  section.read("cert", certificate.chain_file);
  section.read("key", certificate.key_file);
  for (const Section::Item& item : section.items("names")) {
    if (is_server_name(item.text)) {
      certificate.names.push_back(item.text);
      continue;
    }
    findings.error(item.place, {fmt::format("{}: {} is no name that a client can ask for",
                                            section.name_of("names"), in_quotes(item.text)),
                                "a host name, or one with \"*.\" before it for any one label"});
  }
}

void read_clients(const Section& section, TlsConfig& tls, Diagnostics& findings) {
  std::string text;
  const Given auth = section.read("client_auth", text);
  const Given authority = section.read("client_ca", tls.client_ca);
  if (auth && std::ranges::find(kClientAuth, text) == kClientAuth.end()) {
    findings.error(auth.place,
                   {fmt::format("tls.client_auth is none, request or require, is {}", in_quotes(text)),
                    "for example client_auth: require"});
    return;
  }
  if (auth) tls.client_auth = text;
  if (!auth.known || !authority.known) return;
  if (tls.client_auth != "none" && tls.client_ca.empty()) {
    findings.error(auth.place, {"tls.client_auth asks for certificates, and nothing says whose are trusted",
                                "add client_ca: a PEM file of the authorities"});
  } else if (tls.client_auth == "none" && authority) {
    findings.warn(authority.place, {"tls.client_ca has no effect: no client is asked for a certificate",
                                    "add client_auth: require, or request"});
  }
}

}  // namespace

void read_tls(const Section& top, GatewayConfig& config, Diagnostics& findings) {
  const auto section = top.section("tls");
  if (!section) return;
  TlsConfig& tls = config.tls.emplace();
  std::string text;
  if (const Given given = section->read("listen", text)) {
    auto address = parse_listen_address(text);
    if (!address) {
      address.error().message = fmt::format("tls.listen: {}", address.error().message);
      findings.error(given.place, std::move(address.error()));
    } else if (meet(*address, config.listen) || meet(*address, config.admin)) {
      findings.error(given.place,
                     {fmt::format("tls.listen is at {}, where clear text is spoken", address->text()),
                      "give it a port of its own; without it `listen` speaks TLS"});
    } else {
      tls.listen = std::move(*address);
    }
  }
  for (const NamedSection& entry : section->sections("certificates")) {
    read_certificate(entry.section, tls, findings);
  }
  read_clients(*section, tls, findings);
  section->read("ticket_lifetime", tls.ticket_lifetime);
  section->read("handshake_timeout", tls.handshake_timeout);
}

void read_upstream_tls(const Section& upstream, UpstreamConfig& config, Diagnostics& findings) {
  const auto section = upstream.section("tls");
  if (!section) return;
  UpstreamTlsConfig& tls = config.tls;
  const Given authority = section->read("ca", tls.ca);
  section->read("server_name", tls.server_name);
  if (const Given given = read_flag(*section, "verify", tls.verify, findings); given && !tls.verify) {
    findings.warn(given.place, {fmt::format("{} is off: whoever answers is believed to be the upstream",
                                            section->name_of("verify")),
                                "name its authority with ca"});
  }
  const Given cert = section->read("cert", tls.cert);
  const Given key = section->read("key", tls.key);
  if (cert.known && key.known && static_cast<bool>(cert) != static_cast<bool>(key)) {
    findings.error(
        cert ? cert.place : key.place,
        {fmt::format("{} has a certificate without a key, or a key without a certificate", section->name()),
         "give both, or neither"});
  }
  if (authority && !tls.verify) {
    findings.warn(
        authority.place,
        {fmt::format("{} has no effect where verify is off", section->name_of("ca")), "take it away"});
  }
  const bool clear = !config.targets.empty() && std::ranges::none_of(config.targets, [](const auto& target) {
    return target.url.tls || target.url.embedded_demo || target.url.address.host.empty();
  });
  if (clear) {
    findings.warn(section->place(), {fmt::format("{} has no effect: the url is http://", section->name()),
                                     "write https:// in the url"});
  }
}

}  // namespace weir::service::internal

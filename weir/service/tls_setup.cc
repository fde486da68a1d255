#include "weir/service/tls_setup.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

namespace weir::service {
namespace {

using net::TlsMistake;

// Time to renew by hand what should have renewed itself.
constexpr auto kExpiresSoon = std::chrono::days(14);

// The value at a path of keys and, in lists, numbers; of one that is not there, the
// last that is.
Place place_at(const YamlNode& root, std::initializer_list<std::string_view> path) {
  const YamlNode* node = &root;
  Place place = node->place;
  for (const std::string_view step : path) {
    const YamlNode* next = nullptr;
    if (node->kind == YamlNode::Kind::map) {
      for (std::size_t i = 0; i < node->pairs(); ++i) {
        if (node->key(i).text == step) next = &node->value(i);
      }
    } else if (node->kind == YamlNode::Kind::list) {
      std::size_t index = 0;
      std::from_chars(step.data(), step.data() + step.size(), index);
      if (index < node->children.size()) next = &node->children[index];
    }
    if (next == nullptr) break;
    node = next;
    place = node->place;
  }
  return place;
}

std::string_view key_of(TlsMistake::Part part) {
  switch (part) {
    case TlsMistake::Part::key: return "key";
    case TlsMistake::Part::client_ca: return "client_ca";
    case TlsMistake::Part::ca: return "ca";
    default: return "cert";
  }
}

void check_expiry(const net::TlsCertificateFacts& facts, Place place,
                  std::chrono::system_clock::time_point now, Diagnostics& findings) {
  const auto date = [](auto time) { return fmt::format("{:%Y-%m-%d}", fmt::gmtime(time)); };
  if (facts.not_after <= now) {
    findings.warn(place, {fmt::format("{} has expired on {}", facts.file, date(facts.not_after)),
                          "clients refuse it: renew it"});
  } else if (facts.not_before > now) {
    findings.warn(place, {fmt::format("{} is not valid before {}", facts.file, date(facts.not_before)),
                          "clients refuse it until then"});
  } else if (facts.not_after - now < kExpiresSoon) {
    findings.warn(place, {fmt::format("{} expires on {}", facts.file, date(facts.not_after)), "renew it"});
  }
}

void check_listener(const TlsConfig& tls, const YamlNode& tree, Diagnostics& findings,
                    std::chrono::system_clock::time_point now) {
  const auto context = net::TlsServerContext::load(tls_options(tls, true));
  if (!context) {
    const TlsMistake& mistake = context.error();
    const bool of_clients = mistake.part == TlsMistake::Part::client_ca;
    const Place place =
        of_clients
            ? place_at(tree, {"tls", "client_ca"})
            : place_at(tree, {"tls", "certificates", std::to_string(mistake.index), key_of(mistake.part)});
    findings.error(place, {mistake.text(), "paths are relative to where weir is started"});
    return;
  }
  const auto certificates = (*context)->certificates();
  for (std::size_t i = 0; i < certificates.size(); ++i) {
    const Place place = place_at(tree, {"tls", "certificates", std::to_string(i), "cert"});
    check_expiry(certificates[i], place, now, findings);
  }
}

std::vector<std::string> offered(UpstreamProtocol protocol) {
  switch (protocol) {
    case UpstreamProtocol::http1: return {"http/1.1"};
    case UpstreamProtocol::http2: return {"h2"};
    case UpstreamProtocol::automatic: break;
  }
  return {"h2", "http/1.1"};
}

}  // namespace

net::TlsServerContext::Options tls_options(const TlsConfig& config, bool http2) {
  using ClientCertificate = net::TlsServerContext::ClientCertificate;
  net::TlsServerContext::Options options{
      .certificates = config.certificates,
      .alpn = http2 ? std::vector<std::string>{"h2", "http/1.1"} : std::vector<std::string>{"http/1.1"},
      .client_ca_file = config.client_ca,
      .ticket_lifetime = config.ticket_lifetime};
  if (config.client_auth == "request") options.client_certificate = ClientCertificate::request;
  if (config.client_auth == "require") options.client_certificate = ClientCertificate::require;
  return options;
}

net::TlsClientContext::Options tls_options(const UpstreamConfig& config) {
  return {.verify = config.tls.verify,
          .ca_file = config.tls.verify ? config.tls.ca : std::string(),
          .chain_file = config.tls.cert,
          .key_file = config.tls.key,
          .alpn = offered(config.protocol)};
}

bool has_tls_target(const UpstreamConfig& config) {
  return std::ranges::any_of(config.targets, [](const TargetConfig& target) { return target.url.tls; });
}

void check_tls_files(const GatewayConfig& config, const YamlNode& tree, Diagnostics& findings,
                     std::chrono::system_clock::time_point now) {
  if (config.tls) check_listener(*config.tls, tree, findings, now);
  for (const UpstreamConfig& upstream : config.upstreams) {
    if (!has_tls_target(upstream)) continue;
    const auto context = net::TlsClientContext::load(tls_options(upstream));
    if (context) continue;
    findings.error(place_at(tree, {"upstreams", upstream.name, "tls", key_of(context.error().part)}),
                   {context.error().text(), "paths are relative to where weir is started"});
  }
}

void expose_certificates(const net::TlsServerContext& tls, observe::Exposition& page) {
  for (const net::TlsCertificateFacts& facts : tls.certificates()) {
    page.gauge("weir_tls_certificate_expiry_timestamp_seconds", "When a certificate ends to be valid.",
               {{"certificate", facts.file}},
               std::chrono::duration<double>(facts.not_after.time_since_epoch()).count());
  }
}

}  // namespace weir::service

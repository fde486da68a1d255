// The TLS of a gateway, made from its configuration: contexts for its listeners and
// its upstreams, and what `weir check` has to say of the files.
//
// All of it reads files and blocks for as long.
#pragma once

#include <chrono>
#include <expected>
#include <memory>
#include <string>

#include "weir/net/tls_client_context.h"
#include "weir/net/tls_server_context.h"
#include "weir/observe/exposition.h"
#include "weir/service/config.h"
#include "weir/service/diagnostics.h"
#include "weir/service/yaml_tree.h"

namespace weir::service {

// `http2`: offered.
net::TlsServerContext::Options tls_options(const TlsConfig& config, bool http2);
// For those of its targets whose url is https://.
net::TlsClientContext::Options tls_options(const UpstreamConfig& config);

bool has_tls_target(const UpstreamConfig& config);

// Every file that the configuration names is looked at: what cannot be used is an
// error, a certificate that has expired or is about to a warning, each at its value's
// place in `tree`, which the configuration was read from.
void check_tls_files(const GatewayConfig& config, const YamlNode& tree, Diagnostics& findings,
                     std::chrono::system_clock::time_point now);

// weir_tls_certificate_expiry_timestamp_seconds{certificate}.
void expose_certificates(const net::TlsServerContext& tls, observe::Exposition& page);

}  // namespace weir::service

#include "tools/weir/load_target.h"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "tools/weir/options.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/http/headers.h"
#include "weir/load/inflight.h"
#include "weir/load/mix_file.h"
#include "weir/net/dns.h"
#include "weir/net/socket.h"
#include "weir/net/tls_client_context.h"

namespace weir::tools {
namespace {

// For each address of a name, before the next is tried: a lost packet or two.
constexpr Duration kConnectPatience = 2s;

}  // namespace

void refuse_option(const char* option, const std::string& why) { throw CLI::ValidationError(option, why); }

std::string read_file_of(const char* option, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file) refuse_option(option, path + ": " + std::strerror(errno));
  return std::move(content).str();
}

net::SocketAddress address_of(const char* option, const std::string& host, std::uint16_t port) {
  const Result<net::Resolver::Addresses> all = net::resolve_all(host, port);
  if (!all) refuse_option(option, "no address is known for \"" + host + "\": " + all.error().message());
  if (all->size() == 1) return all->front();
  std::optional<net::SocketAddress> answering;
  core::Runtime runtime({.processors = 1});
  (void)runtime.run([&](core::Scope& root) -> core::task<> {
    for (const net::SocketAddress& each : *all) {
      if (!co_await net::Socket::connect(root.context(), each, core::now() + kConnectPatience)) continue;
      answering = each;
      break;
    }
  });
  return answering.value_or(all->front());
}

bool write_result(const char* program, const std::string& path, const std::string& content) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  bool written = file != nullptr && std::fwrite(content.data(), 1, content.size(), file) == content.size();
  if (file != nullptr && std::fclose(file) != 0) written = false;
  if (!written) std::fprintf(stderr, "%s: %s: %s\n", program, path.c_str(), std::strerror(errno));
  return written;
}

void LoadTargetOptions::add(CLI::App& verb) {
  verb.add_option("URL", url_, "http[s]://host[:port][/path]");
  verb.add_option("--inflight", inflight_max_,
                  "Requests in flight at most; what would exceed it is not sent, and counted")
      ->check(CLI::Range(1u, 1'000'000u))
      ->capture_default_str();
  verb.add_option("--open-ahead", open_ahead_,
                  "Connections that are open before the first request [what comes due in 10ms]")
      ->check(CLI::Range(0u, 1'000'000u));
  verb.add_flag("--http2", http2_, "HTTP/2 from the first byte on: requests share connections");
  add_duration(verb, "--timeout", timeout_, "Of a request, from when it was sent [10s]");
  add_duration(verb, "--timely", timely_, "How late a request may be sent [1ms]");
  verb.add_option("--seed", seed_, "Of all that is random")->capture_default_str();
  CLI::Option* method = verb.add_option("-X,--method", method_, "Of the requests")->capture_default_str();
  CLI::Option* header =
      verb.add_option("-H,--header", headers_, "\"Name: value\"; may be given more than once")
          ->allow_extra_args(false);
  CLI::Option* body = verb.add_option("--body", body_, "Of each request");
  CLI::Option* body_file =
      verb.add_option("--body-file", body_file_, "The same, from a file")->excludes(body);
  CLI::Option* authorities =
      verb.add_option("--cacert", authorities_, "Trust the authorities of this PEM file, not the system's");
  verb.add_flag("--insecure", insecure_, "Believe whoever answers, whatever the certificate")
      ->excludes(authorities);
  verb.add_option("--mix", mix_file_,
                  "Several kinds of requests with weights, tenants and priorities, from this YAML file")
      ->excludes(method)
      ->excludes(header)
      ->excludes(body)
      ->excludes(body_file);
}

load::RequestMix LoadTargetOptions::mix(const std::string& target) const {
  if (!mix_file_.empty()) return or_usage("--mix", load::read_mix(mix_file_));
  load::RequestKind kind{.name = "all", .method = method_};
  kind.target = or_usage("URL", load::TemplateText::parse(target));
  for (const std::string& header : headers_) {
    const std::size_t colon = header.find(':');
    const std::string name = header.substr(0, colon);
    if (colon == std::string::npos || !http::is_token(name)) {
      refuse_option("--header", "\"" + header + "\" is not \"Name: value\"");
    }
    kind.headers.emplace_back(name,
                              or_usage("--header", load::TemplateText::parse(header.substr(colon + 1))));
  }
  const std::string body = body_file_.empty() ? body_ : read_file_of("--body-file", body_file_);
  kind.body = or_usage("--body", load::TemplateText::parse(body));
  return load::RequestMix({std::move(kind)});
}

void LoadTargetOptions::apply_tls(const load::TargetUrl& target, load::LoadOptions& load) const {
  auto tls = net::TlsClientContext::load(
      {.verify = !insecure_, .ca_file = authorities_, .alpn = {http2_ ? "h2" : "http/1.1"}});
  if (!tls) refuse_option("--cacert", tls.error().text());
  load.tls = std::move(*tls);
  load.server_name = target.host;
}

void LoadTargetOptions::apply(load::LoadOptions& load) const {
  if (url_.empty()) refuse_option("URL", "say where the requests go: http[s]://host[:port][/path]");
  const load::TargetUrl target = or_usage("URL", load::TargetUrl::parse(url_));
  load.authority = target.authority();
  load.mix = mix(target.target);
  load.inflight_max = inflight_max_;
  load.open_ahead = open_ahead_;
  load.http2 = http2_;
  load.timeout = timeout_;
  load.timely = timely_;
  load.seed = seed_;
  load.target = address_of("URL", target.host, target.port);
  if (target.tls) apply_tls(target, load);
  load::raise_descriptor_limit();  // where it is refused, there are fewer
}

}  // namespace weir::tools

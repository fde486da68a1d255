#include "weir/service/service_options.h"

#include <algorithm>
#include <initializer_list>

#include "weir/admission/priority.h"
#include "weir/http/headers.h"
#include "weir/service/address.h"

namespace weir::service {
namespace {

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

class Mistakes {
 public:
  void unless(bool holds, std::string_view what) {
    if (holds) return;
    if (!text_.empty()) text_ += "; ";
    text_ += what;
  }
  HostPort address(std::string_view name, const std::string& text) {
    const auto parsed = parse_listen_address(text);
    if (parsed) return *parsed;
    unless(false, std::string(name) + ": " + parsed.error().text());
    return {};
  }
  void rate(std::string_view name, const RateConfig& rate) {
    unless(rate.limit > 0 && rate.per > Duration::zero(), std::string(name) + ": limit and per are above 0");
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void check_listeners(const GatewayConfig& config, bool admin, Mistakes& mistakes) {
  const Http2Config& http2 = config.server.http2;
  mistakes.unless(http2.max_streams > 0, "server.http2.max_streams: at least 1; enabled = false is none");
  mistakes.unless(http2.stream_window >= kibibytes(64) && http2.connection_window >= kibibytes(64),
                  "server.http2: no window is below 64 KiB, which every client begins with");
  if (config.tls) {
    mistakes.unless(!config.tls->certificates.empty(), "tls.certificates: at least one");
    mistakes.unless(is_one_of(config.tls->client_auth, {"none", "request", "require"}),
                    "tls.client_auth: none, request or require");
    mistakes.unless(config.tls->client_auth == "none" || !config.tls->client_ca.empty(),
                    "tls.client_ca: whose certificates clients are asked for");
    mistakes.unless(!config.tls->listen || (!meet(*config.tls->listen, config.listen) &&
                                            (!admin || !meet(*config.tls->listen, config.admin))),
                    "tls.listen: would take the connections of listen or admin");
  }
}

}  // namespace

std::expected<GatewayConfig, std::string> check_options(const Service::Options& options) {
  Mistakes mistakes;
  GatewayConfig config;
  config.service = options.name;
  config.listen = mistakes.address("listen", options.listen);
  if (!options.admin.empty()) config.admin = mistakes.address("admin", options.admin);
  config.inflight = options.inflight;
  config.tenant = options.tenant;
  config.caller = options.caller;
  config.priority = options.priority;
  config.memory = options.memory;
  config.server = options.server;
  config.tls = options.tls;
  config.drain = options.drain;

  const InflightConfig& inflight = config.inflight;
  mistakes.unless(!options.name.empty(), "name: is empty");
  mistakes.unless(options.admin.empty() || !meet(config.listen, config.admin),
                  "admin: would take the connections of listen");
  mistakes.unless(inflight.limit > 0,
                  "inflight.limit: how many requests may be inside at once has no default");
  mistakes.unless(inflight.queue.depth == 0 || inflight.queue.wait > Duration::zero(),
                  "inflight.queue.wait: a queue that nobody waits in");
  mistakes.unless(inflight.limiter.min >= 1 && inflight.limiter.min <= std::max(inflight.limit, 1u),
                  "inflight.min: from 1 to the limit");
  mistakes.unless(
      is_one_of(inflight.limiter.algorithm, {"fixed", "queue_delay", "gradient2", "vegas", "aimd"}),
      "inflight.limiter: fixed, queue_delay, gradient2, vegas or aimd");
  mistakes.unless(is_one_of(inflight.queue.order, {"fifo", "codel", "priority", "fair"}),
                  "inflight.queue.order: fifo, codel, priority or fair");
  mistakes.unless(config.server.connections > 0, "server.connections: at least 1");
  check_listeners(config, !options.admin.empty(), mistakes);
  mistakes.unless(
      config.drain.deadline >= Duration::zero() && config.drain.readiness_delay >= Duration::zero(),
      "drain: no time is below 0");
  if (config.tenant) {
    mistakes.unless(http::is_token(config.tenant->header), "tenant.header: the name of a header field");
    mistakes.unless(config.tenant->inflight > 0 && config.tenant->inflight <= inflight.limit,
                    "tenant.inflight: from 1 to inflight.limit");
    if (config.tenant->rate) mistakes.rate("tenant.rate", *config.tenant->rate);
  }
  if (config.caller) {
    mistakes.unless(http::is_token(config.caller->header), "caller.header: the name of a header field");
    mistakes.rate("caller.rate", config.caller->rate);
  }
  if (config.priority) {
    mistakes.unless(http::is_token(config.priority->header), "priority.header: the name of a header field");
    mistakes.unless(admission::parse_criticality(config.priority->fallback).has_value(),
                    "priority.fallback: sheddable, low, normal, high or critical");
    for (const auto& [word, level] : config.priority->classes) {
      mistakes.unless(admission::parse_criticality(level).has_value(),
                      "priority.classes: '" + word + "' is sheddable, low, normal, high or critical");
    }
  }
  if (!mistakes.text().empty()) return std::unexpected(mistakes.text());
  return config;
}

}  // namespace weir::service

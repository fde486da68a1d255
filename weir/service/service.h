// A service: routes, a bound, run.
//
//   core::task<Result<>> hello(http::Exchange& exchange, const http::PathParams& path);
//
//   int main() {
//     service::Service service({.name = "greeter",
//                               .inflight = {.limit = 200,
//                                            .queue = {.depth = 400, .wait = 50ms},
//                                            .because = "the work takes 20 ms: 10,000 a second"}});
//     service.route("GET /hello/{name}", hello);
//     return service.run();
//   }
//
// It owns what every service needs: the ledger, the proof at start-up that what it
// allows fits the machine, the runtime, the listeners, the admission decision before
// each handler, the pages of the operator (/healthz, /readyz, /metrics, /debug/bounds on
// a port of their own), signals and the drain. What its options are called is what they
// are called in a bounds.yaml (docs/bounds-yaml.md).
//
// What the decision refuses is answered before the body is read and before any handler
// or middleware: 429 where a tenant or caller has too much, 503 where all together have,
// with Retry-After and a body that names the bound (refusal_reply.h).
//
// Made, filled and run by main's thread, before it starts others; stop() may be called
// from any. Handlers, what they are bound to, and bounds of the caller's in ledger() are
// declared behind it where they are locals of main, and live until run() returns.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/bounds/ledger.h"
#include "weir/http/router.h"
#include "weir/net/address.h"
#include "weir/service/config.h"

namespace weir::service {

class Service {
 public:
  struct Options {
    std::string name = "service";           // in the pages and in metrics
    std::string listen = "127.0.0.1:8080";  // port 0: a free one
    std::string admin = "127.0.0.1:9090";   // empty: no pages
    // Requests inside handlers at once; `limit` has no default: it is what only you know.
    InflightConfig inflight = {};
    std::optional<TenantConfig> tenant = {};      // the same for each tenant (429)
    std::optional<CallerConfig> caller = {};      // a rate for each calling service (429)
    std::optional<PriorityConfig> priority = {};  // who goes first
    std::optional<MemoryConfig> memory = {};      // refuses as memory runs short
    ServerConfig server = {};                     // server.http2 is HTTP/2, which is on
    // Certificates and who may come; `listen` then speaks TLS, or `tls->listen` does
    // beside it. SIGHUP and reload_tls() read the files again. none: clear text.
    std::optional<TlsConfig> tls = {};
    DrainConfig drain = {};
    unsigned processors = 0;   // 0: what the machine or the container gives
    bool over_budget = false;  // go on, with a loud warning, where the proof fails
    // Its own news, a line each; empty: to stderr.
    std::function<void(std::string_view line)> announce = {};
    // Called once it serves, with where `listen` is; `admin` is empty where there are no
    // pages.
    std::function<void(const net::SocketAddress& at, const std::optional<net::SocketAddress>& admin)> ready =
        {};
  };

  explicit Service(Options options);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // A route, as router.h has them; what is wrong with it, run() says.
  void route(std::string pattern, http::HandlerRef handler, std::vector<http::Middleware> around = {});
  void routes(std::vector<http::Route> routes);
  // Around all of them, and around what no route matches; the first is the outermost.
  void around(http::Middleware middleware);

  // For bounds of what the handlers depend on: the proof counts them, the pages show them.
  bounds::Ledger& ledger();

  // Serves until SIGINT, SIGTERM or stop(), and drains; once. The exit code: 0 after a
  // drain; 2 where the options or the routes are wrong, an address cannot be listened
  // on, a certificate cannot be used, or the bounds allow more than the machine has, each of which is
  // announced; 4 where the system fails it; 130 after a second signal.
  int run();
  // As SIGTERM. Any thread, before run() as well.
  void stop();
  // Reads the certificates and keys again, for connections from now on; blocks. Any
  // thread, while it serves. Error: what could not be used, or that there is no TLS;
  // what was read before stays.
  std::expected<void, std::string> reload_tls();

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace weir::service

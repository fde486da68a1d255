// What scripts/bench-http measures of ours: the server of weir/http and three
// handlers, with no gateway around it.
//
//   bench_http_server --listen 127.0.0.1:8080 [--connections N] [--share-port]
//                     [--tls-listen 127.0.0.1:8443 --certificate FILE --key FILE]
//   GET /plaintext     13 bytes
//   GET /json          a small object, written anew for each reply
//   GET /heavy?ms=100  the same as /plaintext after so much processor time
//   GET /files/NAME    a file of the folder that --files names
#include <time.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/json_text.h"
#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/signals.h"
#include "weir/http/router.h"
#include "weir/http/server.h"
#include "weir/http/static_files.h"
#include "weir/net/listener.h"
#include "weir/net/tls_server_context.h"

namespace weir::bench {
namespace {

constexpr std::string_view kHello = "Hello, World!";

struct Options {
  std::string listen = "127.0.0.1:8080";
  std::uint64_t connections = 20'000;
  unsigned processors = 0;
  bool share_port = false;
  std::string files = {};       // a folder; empty: none is served
  std::string tls_listen = {};  // HTTP/2 and 1.1 over TLS as well; empty: no
  std::string certificate = {};
  std::string key = {};
};

Duration thread_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// Nothing lets go of the processor in between: that is what it is for.
void compute(Duration span) {
  const Duration until = thread_time() + span;
  while (thread_time() < until) {
  }
}

// "/heavy?ms=20": 20 ms. What is no number, or over a second: 100 ms.
Duration span_of(std::string_view target) {
  constexpr std::string_view kBefore = "/heavy?ms=";
  unsigned milliseconds = 100;
  if (target.starts_with(kBefore)) {
    target.remove_prefix(kBefore.size());
    unsigned asked = 0;
    const auto [end, error] = std::from_chars(target.data(), target.data() + target.size(), asked);
    if (error == std::errc() && end == target.data() + target.size() && asked <= 1000) milliseconds = asked;
  }
  return std::chrono::milliseconds(milliseconds);
}

http::Sending reply(http::Exchange& exchange, std::string_view type, std::string_view body) {
  http::ResponseHead& head = exchange.reply_head();
  head.headers.add("Server", "weir");  // as all that it is compared with have it
  head.headers.add("Content-Type", type);
  return exchange.respond(head, body);
}

class Handlers final : public http::Handler {
 public:
  // `files`: null: none are served.
  explicit Handlers(http::Handler* files) : files_(files) {}

  core::task<void> handle(http::Exchange& exchange) override {
    const std::string_view target = exchange.request().target;
    if (target == "/plaintext") {
      (void)co_await reply(exchange, "text/plain", kHello);
    } else if (target == "/json") {
      std::string body = "{\"message\":";
      append_json_string(kHello, body);
      body += '}';
      (void)co_await reply(exchange, "application/json", body);
    } else if (target.starts_with("/heavy")) {
      compute(span_of(target));
      (void)co_await reply(exchange, "text/plain", kHello);
    } else if (target.starts_with("/files/") && files_ != nullptr) {
      co_await files_->handle(exchange);
    } else {
      http::ResponseHead& head = exchange.reply_head();
      head.status = 404;
      (void)co_await exchange.respond(head, std::string_view());
    }
  }

 private:
  http::Handler* const files_;
};

// What serves a folder, and what that is bound by.
struct Files {
  static std::unique_ptr<Files> open(const std::string& folder) {
    auto files = std::make_unique<Files>();
    auto opened = http::StaticFiles::open({.root = folder}, files->reads);
    if (!opened) {
      std::fprintf(stderr, "bench_http_server: --files: %s\n", opened.error().message().c_str());
      return nullptr;
    }
    files->files.emplace(std::move(*opened));
    files->router.emplace(*http::Router::make(
        {{"GET /files/{path...}", http::bind<&http::StaticFiles::serve>(*files->files)}}));
    return files;
  }

  core::Limit reads{{.name = "file reads", .limit = 16, .queue_depth = 20'000, .queue_wait = 1s}};
  std::optional<http::StaticFiles> files;
  std::optional<http::Router> router;
};

using Listeners = std::vector<net::Listener>;

// By a task.
Result<Listeners> open_listeners(const net::SocketAddress& address, bool share_port) {
  if (!share_port) return net::open_on_every_processor(address);
  Listeners listeners;
  for (unsigned processor = 0; processor < core::Runtime::current().processors(); ++processor) {
    auto listener =
        net::Listener::open(address, {.sharing = net::Listener::Sharing::joins, .processor = processor});
    if (!listener) return std::unexpected(listener.error());
    listeners.push_back(std::move(*listener));
  }
  return listeners;
}

core::task<> stop_at_signal(core::Context& context, core::SignalSet& signals, http::Server& server) {
  (void)co_await signals.next(context);
  server.drain();
}

struct Addresses {
  net::SocketAddress clear;
  net::SocketAddress over_tls = {};
  const net::TlsServerContext* tls = nullptr;  // null: clear text alone
  bool share_port = false;
};

Result<Listeners> open_all(const Addresses& addresses) {
  auto listeners = open_listeners(addresses.clear, addresses.share_port);
  if (!listeners || addresses.tls == nullptr) return listeners;
  auto others = open_listeners(addresses.over_tls, addresses.share_port);
  if (!others) return others;
  for (net::Listener& listener : *others) {
    listener.set_tls(addresses.tls);
    listeners->push_back(std::move(listener));
  }
  return listeners;
}

core::task<Result<>> serve(core::Scope& root, const Addresses& addresses, http::Server& server) {
  auto listeners = open_all(addresses);
  if (!listeners) co_return std::unexpected(listeners.error());
  auto signals = core::SignalSet::open({SIGINT, SIGTERM});
  if (!signals) co_return std::unexpected(signals.error());
  std::printf("listening on %s\n", listeners->front().local().to_string().c_str());
  std::fflush(stdout);
  core::Limit watchers({.name = "signals", .limit = 1});
  co_return co_await core::with_scope(root.context(), [&](core::Scope& scope) -> core::task<Result<>> {
    scope.spawn(*watchers.try_acquire(), stop_at_signal(scope.context(), *signals, server));
    const Result<> done = co_await server.serve(scope.context(), std::move(*listeners));
    scope.cancel();
    co_return done;
  });
}

// False, and it has been said: of no use.
bool read_address(const char* option, const std::string& text, net::SocketAddress& out) {
  const auto address = net::SocketAddress::parse(text);
  if (address) out = *address;
  if (!address) std::fprintf(stderr, "bench_http_server: %s: %s is no host:port\n", option, text.c_str());
  return address.has_value();
}

int run(const Options& options) {
  Addresses addresses{.clear = {}, .share_port = options.share_port};
  if (!read_address("--listen", options.listen, addresses.clear)) return 2;
  std::unique_ptr<net::TlsServerContext> tls;
  if (!options.tls_listen.empty()) {
    if (!read_address("--tls-listen", options.tls_listen, addresses.over_tls)) return 2;
    auto loaded = net::TlsServerContext::load(
        {.certificates = {{.chain_file = options.certificate, .key_file = options.key}},
         .alpn = {"h2", "http/1.1"}});
    if (!loaded) {
      std::fprintf(stderr, "bench_http_server: %s\n", loaded.error().text().c_str());
      return 2;
    }
    tls = std::move(*loaded);
    addresses.tls = tls.get();
  }
  core::SignalSet::block({SIGINT, SIGTERM});
  core::Limit connections({.name = "connections", .limit = options.connections});
  std::unique_ptr<Files> files;
  if (!options.files.empty() && !(files = Files::open(options.files))) return 2;
  Handlers handlers(files ? &*files->router : nullptr);
  http::Server::Options settings;
  settings.requests_per_connection_max = 1'000'000'000;  // as the peers are told
  http::Server server(settings, handlers, connections);
  // What computes for long is what is measured, and no news.
  core::Runtime runtime({.processors = options.processors, .on_stuck = [](const core::StuckReport&) {}});
  const Result<> done =
      runtime.run([&](core::Scope& root) -> core::task<Result<>> { return serve(root, addresses, server); });
  if (done) return 0;
  std::fprintf(stderr, "bench_http_server: %s\n", done.error().message().c_str());
  return 1;
}

}  // namespace
}  // namespace weir::bench

int main(int count, char** words) {
  weir::bench::Options options;
  CLI::App app("The server of weir/http alone, to be measured", "bench_http_server");
  app.add_option("--listen", options.listen, "host:port")->capture_default_str();
  app.add_option("--connections", options.connections, "Open at once, at most")
      ->check(CLI::Range(1u, 1'000'000u))
      ->capture_default_str();
  app.add_option("--processors", options.processors, "0: what the machine has")->check(CLI::Range(0u, 256u));
  auto* over_tls =
      app.add_option("--tls-listen", options.tls_listen, "host:port for HTTP/2 and 1.1 over TLS");
  over_tls->needs(app.add_option("--certificate", options.certificate, "PEM"));
  over_tls->needs(app.add_option("--key", options.key, "PEM"));
  app.add_option("--files", options.files, "A folder to serve under /files/");
  app.add_flag("--share-port", options.share_port, "Other processes listen on it as well");
  CLI11_PARSE(app, count, words);
  return weir::bench::run(options);
}

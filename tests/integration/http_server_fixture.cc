#include "tests/integration/http_server_fixture.h"

#include <chrono>
#include <utility>

#include "weir/base/check.h"
#include "weir/base/clock.h"

namespace weir::testing {
namespace {

constexpr Duration kBound = 20s;

}  // namespace

core::task<> echo(http::Exchange& exchange) {
  http::BodySource& body = exchange.body();
  const auto length = body.length();
  http::ResponseHead head;
  if (!co_await exchange.start(head,
                               length ? http::BodyLength::known(*length) : http::BodyLength::chunked())) {
    co_return;
  }
  for (;;) {
    const auto piece = co_await body.next(exchange.context());
    if (!piece) {
      exchange.abort();
      co_return;
    }
    if (piece->empty()) break;
    if (!co_await exchange.write(*piece)) co_return;
  }
  (void)co_await exchange.finish(body.trailers());
}

ServerUnderTest::ServerUnderTest(Handle handle, const Options& options)
    : handler_(std::move(handle)),
      connections_({.name = "connections", .limit = options.connections_max}),
      server_(options.server, handler_, connections_),
      tls_(options.tls),
      runtime_({.processors = options.processors}) {
  std::promise<net::SocketAddress> listening;
  std::future<net::SocketAddress> address = listening.get_future();
  thread_ = std::thread([this, &listening] {
    const auto body = [this, &listening](core::Scope& scope) { return serve(scope, listening); };
    const Result<> ran = runtime_.run(body);
    WEIR_CHECK(ran, "the runtime failed");
  });
  address_ = address.get();
}

ServerUnderTest::~ServerUnderTest() {
  runtime_.root().cancel();
  thread_.join();
}

core::task<> ServerUnderTest::serve(core::Scope& scope, std::promise<net::SocketAddress>& listening) {
  const Result<net::SocketAddress> any = net::SocketAddress::parse("127.0.0.1:0");
  Result<std::vector<net::Listener>> listeners = net::open_on_every_processor(*any);
  WEIR_CHECK(listeners, "no listener");
  for (net::Listener& listener : *listeners) listener.set_tls(tls_);
  listening.set_value(listeners->front().local());
  ended_.set_value(co_await server_.serve(scope.context(), std::move(*listeners)));
}

std::optional<Result<>> ServerUnderTest::wait_until_ended() {
  if (end_.wait_for(kBound) != std::future_status::ready) return std::nullopt;
  return end_.get();
}

bool ServerUnderTest::wait_for(const std::function<bool(const http::Server::Stats&)>& so) const {
  const auto bound = std::chrono::steady_clock::now() + kBound;
  while (!so(stats())) {
    if (std::chrono::steady_clock::now() > bound) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace weir::testing

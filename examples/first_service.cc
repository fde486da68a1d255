// A first service: it answers on a port, and never works on more than it can.
//
//   curl -i http://127.0.0.1:8000/
#include <cstdio>

#include "weir/bounds/bound.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"
#include "weir/http/server.h"
#include "weir/net/listener.h"

using namespace weir;

struct Hello final : http::Handler {
  explicit Hello(core::Limit& inside) : inside_(inside) {}

  core::task<void> handle(http::Exchange& exchange) override {
    http::ResponseHead head;
    const Result<core::Permit> permit = co_await inside_.acquire(exchange.context());
    if (!permit) {  // overloaded: an answer, not an exception
      head.status = 503;
      head.headers.add("Retry-After", "1");
      co_await exchange.respond(head, permit.error().message() + "\n");
      co_return;
    }
    co_await core::sleep_for(exchange.context(), 20ms);  // the work
    co_await exchange.respond(head, "hello\n");
  }

  core::Limit& inside_;
};

int main() {
  bounds::Ledger ledger;
  bounds::Bound connections(ledger, {.name = "connections", .limit = 1000, .because = "descriptors"});
  bounds::Bound inside(ledger, {.name = "inside",
                                .limit = 50,
                                .queue_depth = 100,
                                .queue_wait = 50ms,
                                .because = "the work takes 20 ms: 2,500 a second"});
  Hello hello(inside);
  http::Server server({}, hello, connections);
  core::Runtime runtime({});
  const Result<> done = runtime.run([&](core::Scope& root) -> core::task<Result<>> {
    auto listeners = net::open_on_every_processor(*net::SocketAddress::parse("127.0.0.1:8000"));
    if (!listeners) co_return std::unexpected(listeners.error());
    co_return co_await server.serve(root.context(), std::move(*listeners));
  });
  if (!done) std::fprintf(stderr, "%s\n", done.error().message().c_str());
  return done ? 0 : 1;
}

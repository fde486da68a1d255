// A service that greets: routes, a bound, run.
//
//   curl http://127.0.0.1:8080/hello/world
//   curl http://127.0.0.1:9090/debug/bounds
#include <string>

#include "weir/core/sleep.h"
#include "weir/service/service.h"

using namespace weir;

core::task<Result<>> hello(http::Exchange& exchange, const http::PathParams& path) {
  const Result<> worked = co_await core::sleep_for(exchange.context(), 20ms);  // the work
  if (!worked) co_return worked;
  co_return co_await exchange.respond({}, "hello, " + std::string(path["name"]) + "\n");
}

int main() {
  service::Service service({.name = "greeter",
                            .inflight = {.limit = 200,
                                         .queue = {.depth = 400, .wait = 50ms},
                                         .because = "the work takes 20 ms: 10,000 a second"}});
  service.route("GET /hello/{name}", hello);
  return service.run();
}

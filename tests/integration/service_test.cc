// A service of its own over real sockets: routes, the admission decision before them,
// pages, drain.
#include "weir/service/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "tests/integration/client_fixture.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/temporary_file.h"
#include "tests/integration/tls_pair.h"
#include "weir/bounds/bound.h"
#include "weir/core/event.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;

core::task<Result<>> hello(http::Exchange& exchange, const http::PathParams& path) {
  co_return co_await exchange.respond({}, "hello, " + std::string(path["name"]) + "\n");
}

// Holds requests inside until it is opened.
class Door {
 public:
  core::task<Result<>> wait(http::Exchange& exchange) {
    inside_.fetch_add(1);
    const Result<> opened = co_await event_.wait(exchange.context());
    if (!opened) co_return opened;
    co_return co_await exchange.respond({}, "through\n");
  }
  void open() { event_.set(); }
  void wait_for_inside(int count) const {
    while (inside_.load() < count) std::this_thread::yield();
  }

 private:
  core::Event event_;
  std::atomic<int> inside_{0};
};

// Runs until it is destroyed.
class RunningService {
 public:
  explicit RunningService(service::Service::Options options) {
    options.listen = "127.0.0.1:0";
    options.admin = "127.0.0.1:0";
    options.processors = 2;
    options.announce = [this](std::string_view line) {
      const std::lock_guard guard(mutex_);
      said_.append(line).append("\n");
    };
    options.ready = [this](const net::SocketAddress& public_at,
                           const std::optional<net::SocketAddress>& admin_at) {
      ready_.set_value({public_at, *admin_at});
    };
    service_.emplace(std::move(options));
  }
  ~RunningService() {
    if (thread_.joinable()) (void)stop();
  }

  service::Service& operator*() { return *service_; }
  void start() {
    thread_ = std::thread([this] { exit_code_ = service_->run(); });
    std::tie(at, admin) = ready_.get_future().get();
  }
  int stop() {
    service_->stop();
    thread_.join();
    return exit_code_;
  }
  std::string said() {
    const std::lock_guard guard(mutex_);
    return said_;
  }

  net::SocketAddress at, admin;

 private:
  std::mutex mutex_;
  std::string said_;  // guarded by mutex_
  std::promise<std::pair<net::SocketAddress, net::SocketAddress>> ready_;
  std::optional<service::Service> service_;
  int exit_code_ = -1;
  std::thread thread_;
};

service::Service::Options small() {
  return {.name = "greeter", .inflight = {.limit = 2, .because = "a test"}};
}

TEST(Service, ServesItsRoutesAndItsPages) {
  RunningService service(small());
  (*service).route("GET /hello/{name}", hello);
  service.start();
  EXPECT_EQ(ask_once(service.at, get("/hello/you%21")).body, "hello, you!\n");
  EXPECT_EQ(ask_once(service.at, get("/none")).status, 404);
  EXPECT_EQ(ask_once(service.at, post("/hello/you", "x")).field("Allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(ask_once(service.admin, get("/healthz")).body, "ok\n");
  EXPECT_EQ(ask_once(service.admin, get("/readyz")).body, "ready\n");
  EXPECT_THAT(ask_once(service.admin, get("/debug/bounds")).body, HasSubstr("\"inflight\""));
  const std::string metrics = ask_once(service.admin, get("/metrics")).body;
  EXPECT_THAT(metrics, HasSubstr("pool_admitted_total{pool=\"inflight\"} 3\n"));
  EXPECT_THAT(metrics, HasSubstr("weir_http_requests_total{listener=\"public\"} 3\n"));
  EXPECT_THAT(ask_once(service.admin, get("/debug/bounds?proof")).body, HasSubstr("inflight"));
  EXPECT_EQ(service.stop(), 0);
  EXPECT_THAT(service.said(), HasSubstr("greeter listens on http://127.0.0.1:"));
  EXPECT_THAT(service.said(), HasSubstr("drained\n"));
}

TEST(Service, RefusesOverItsBoundBeforeTheBodyIsRead) {
  Door door;
  RunningService service(small());
  (*service).route("/wait", http::bind<&Door::wait>(door));
  service.start();
  RawClient first(service.at), second(service.at);
  first.send(get("/wait"));
  second.send(get("/wait"));
  door.wait_for_inside(2);
  RawClient third(service.at);
  third.send("POST /wait HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n");
  const Reply refused = third.read_reply();
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.field("Retry-After"));
  EXPECT_THAT(refused.body, HasSubstr("\"reason\":\"at_limit\",\"bound\":\"inflight\",\"limit\":2"));
  door.open();
  EXPECT_EQ(first.read_reply().body, "through\n");
  EXPECT_EQ(second.read_reply().body, "through\n");
}

TEST(Service, RefusesATenantThatHasTooMuchWith429) {
  Door door;
  service::Service::Options options = small();
  options.tenant = service::TenantConfig{.header = "X-Tenant", .inflight = 1, .because = "a test"};
  RunningService service(std::move(options));
  (*service).route("/wait", http::bind<&Door::wait>(door));
  (*service).route("/hello/{name}", hello);
  service.start();
  RawClient first(service.at);
  first.send(get("/wait", "X-Tenant: a\r\n"));
  door.wait_for_inside(1);
  const Reply refused = ask_once(service.at, get("/hello/you", "X-Tenant: a\r\n"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_TRUE(refused.field("Retry-After"));
  EXPECT_EQ(ask_once(service.at, get("/hello/you", "X-Tenant: b\r\n")).status, 200);
  door.open();
  EXPECT_EQ(first.read_reply().status, 200);
}

TEST(Service, TellsATenantWhatIsLeftOfItsRate) {
  service::Service::Options options = small();
  options.tenant = service::TenantConfig{.header = "X-Tenant",
                                         .inflight = 1,
                                         .because = "a test",
                                         .rate = service::RateConfig{.limit = 10, .burst = 3}};
  RunningService service(std::move(options));
  (*service).route("/hello/{name}", hello);
  service.start();
  const std::string request = get("/hello/you", "X-Tenant: a\r\n");
  const Reply first = ask_once(service.at, request);
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.field("RateLimit-Policy"), "\"tenant-rate\";q=10;w=1");
  EXPECT_THAT(first.field("RateLimit").value_or(""), HasSubstr("\"tenant-rate\";r=2;t=1"));
  for (int i = 0; i < 2; ++i) (void)ask_once(service.at, request);
  const Reply refused = ask_once(service.at, request);
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.field("RateLimit").value_or(""), HasSubstr("r=0"));
  // Who has no rate hears of none.
  EXPECT_FALSE(ask_once(service.at, get("/hello/you")).field("RateLimit"));
}

TEST(Service, FinishesWhatIsInsideWhenItIsToldToEnd) {
  Door door;
  RunningService service(small());
  (*service).route("/wait", http::bind<&Door::wait>(door));
  service.start();
  RawClient client(service.at);
  client.send(get("/wait"));
  door.wait_for_inside(1);
  std::thread stops([&] { EXPECT_EQ(service.stop(), 0); });
  while (ask_once(service.admin, get("/readyz")).status != 503) std::this_thread::yield();
  door.open();
  EXPECT_EQ(client.read_reply().body, "through\n");
  stops.join();
}

TEST(Service, CutsOffWhatIsNotDoneInTime) {
  Door door;
  service::Service::Options options = small();
  options.drain.deadline = 10ms;
  RunningService service(std::move(options));
  (*service).route("/wait", http::bind<&Door::wait>(door));
  service.start();
  RawClient client(service.at);
  client.send(get("/wait"));
  door.wait_for_inside(1);
  EXPECT_EQ(service.stop(), 0);
  EXPECT_THAT(service.said(), HasSubstr("cut off 1 connection that was not done\n"));
}

class SecureService : public TlsTest {};

TEST_F(SecureService, SpeaksTlsAndReadsItsCertificateAgain) {
  const auto first = authority_.issue({.common_name = "first"});
  const auto second = authority_.issue({.common_name = "second"});
  const auto copy = [](const std::string& from, const std::string& to) {
    std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
  };
  const TemporaryFile cert(""), key("");
  copy(first.chain_file, cert.path());
  copy(first.key_file, key.path());
  service::Service::Options options = small();
  options.tls = service::TlsConfig{.certificates = {{.chain_file = cert.path(), .key_file = key.path()}}};
  RunningService service(std::move(options));
  (*service).route("GET /hello/{name}", hello);
  service.start();
  const auto client = client_context({.ca_file = authority_.file(), .alpn = {"h2", "http/1.1"}});
  const auto ask = [&](http::ClientProtocol protocol) {
    return fetch_once(service.at, {.target = "/hello/you"},
                      {.tls = client.get(), .server_name = "localhost", .protocol = protocol});
  };
  const Fetched http2 = ask(http::ClientProtocol::automatic);
  EXPECT_EQ(http2.answer.body, "hello, you\n") << http2.answer.text();
  EXPECT_EQ(http2.stats.http2.connections, 1u);
  EXPECT_THAT(service.said(), HasSubstr("greeter listens on https://127.0.0.1:"));
  EXPECT_THAT(ask_once(service.admin, get("/metrics")).body,
              HasSubstr("weir_tls_certificate_expiry_timestamp_seconds"));
  // A key that is another's is refused, and what was there goes on.
  copy(second.key_file, key.path());
  EXPECT_FALSE((*service).reload_tls());
  EXPECT_EQ(ask(http::ClientProtocol::automatic).answer.head.status, 200);
  copy(second.chain_file, cert.path());
  const auto reloaded = (*service).reload_tls();
  EXPECT_TRUE(reloaded) << reloaded.error();
  EXPECT_EQ(ask(http::ClientProtocol::automatic).answer.head.status, 200);
}

TEST_F(SecureService, ReadsItsCertificateAgainOnSighup) {
  // Blocked in all threads, as whoever embeds a service has to see to.
  sigset_t hang_up, before;
  sigemptyset(&hang_up);
  sigaddset(&hang_up, SIGHUP);
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &hang_up, &before), 0);
  service::Service::Options options = small();
  options.tls = service::TlsConfig{.certificates = {certificate(issued_)}};
  {
    RunningService service(std::move(options));
    service.start();
    ASSERT_EQ(kill(getpid(), SIGHUP), 0);
    while (!service.said().contains("tls: certificates were read again\n")) std::this_thread::yield();
  }
  ASSERT_EQ(pthread_sigmask(SIG_SETMASK, &before, nullptr), 0);
}

TEST_F(SecureService, WithoutHttp2AgreesOnHttp1) {
  service::Service::Options options = small();
  options.tls = service::TlsConfig{.certificates = {certificate(issued_)}};
  options.server.http2.enabled = false;
  RunningService service(std::move(options));
  (*service).route("GET /hello/{name}", hello);
  service.start();
  const auto client = client_context({.ca_file = authority_.file(), .alpn = {"h2", "http/1.1"}});
  const Fetched fetched = fetch_once(
      service.at, {.target = "/hello/you"},
      {.tls = client.get(), .server_name = "localhost", .protocol = http::ClientProtocol::automatic});
  EXPECT_EQ(fetched.answer.head.status, 200) << fetched.answer.text();
  EXPECT_EQ(fetched.stats.http2.connections, 0u);
}

TEST(Service, WithoutTlsHasNoCertificateToReadAgain) {
  service::Service service(small());
  EXPECT_EQ(service.reload_tls().error(), "no TLS is served");
}

std::string refusal_of(service::Service::Options options, std::vector<http::Route> routes = {}) {
  std::string said;
  options.announce = [&said](std::string_view line) { said.append(line).append("\n"); };
  service::Service service(std::move(options));
  service.routes(std::move(routes));
  EXPECT_EQ(service.run(), 2);
  return said;
}

TEST(Service, DoesNotStartWithOptionsThatAreWrong) {
  EXPECT_THAT(refusal_of({}), HasSubstr("inflight.limit"));
  EXPECT_THAT(refusal_of({.listen = "nowhere", .inflight = {.limit = 1}}), HasSubstr("error: listen: "));
  EXPECT_THAT(refusal_of({.inflight = {.limit = 1, .limiter = {.algorithm = "magic"}}}),
              HasSubstr("inflight.limiter"));
  EXPECT_THAT(
      refusal_of({.inflight = {.limit = 1}, .tenant = service::TenantConfig{.header = "X", .inflight = 2}}),
      HasSubstr("tenant.inflight: from 1 to inflight.limit"));
}

TEST(Service, DoesNotStartWithRoutesThatConflict) {
  EXPECT_THAT(refusal_of(small(), {{"GET /{a}", hello}, {"GET /{b}", hello}}),
              HasSubstr("routes 'GET /{a}' and 'GET /{b}' match the same paths"));
}

TEST(Service, DoesNotStartWhereItsBoundsDoNotFitTheMachine) {
  service::Service::Options options = small();
  options.listen = options.admin = "127.0.0.1:0";
  std::string said;
  options.announce = [&said](std::string_view line) { said.append(line).append("\n"); };
  service::Service service(std::move(options));
  bounds::Bound pictures(
      service.ledger(),
      {.name = "pictures", .limit = 1'000'000, .because = "a test", .each = mebibytes(1024)});
  // On a thread of its own, whose signals it blocks.
  std::thread([&] { EXPECT_EQ(service.run(), 2); }).join();
  EXPECT_THAT(said, HasSubstr("pictures"));
}

}  // namespace
}  // namespace weir::testing

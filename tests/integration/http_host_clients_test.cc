// The HTTP client by host name: names looked up by the test, several addresses of one,
// a bounded number of hosts, and compressed replies.
#include <gtest/gtest.h>
#include <zlib.h>

#include <map>
#include <optional>
#include <string>

#include "tests/integration/bad_upstream.h"
#include "tests/integration/client_fixture.h"
#include "tests/integration/upstream_scripts.h"
#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"
#include "weir/http/host_clients.h"
#include "weir/net/dns.h"

namespace weir::testing {
namespace {

using http::HostClients;
using http::Origin;
using http::RequestHead;
using net::Resolver;

// Names are where the test has put them.
class HostClientsTest : public ::testing::Test {
 protected:
  template <typename Body>
  void run(HostClients::Options options, Body body) {
    core::Runtime runtime({.processors = 2});
    core::Limit tasks({.name = "tasks", .limit = 4});
    Resolver resolver(
        {.fresh_for = 1ms, .absent_for = 1ms, .look_up = [this](core::Context&, std::string host) {
           return look_up(std::move(host));
         }});
    HostClients clients(resolver, std::move(options));
    EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
      core::Context resolving(root.context());
      (void)co_await core::with_scope(root.context(), [&](core::Scope& scope) -> core::task<> {
        scope.spawn(*tasks.try_acquire(), resolver.run(resolving));
        co_await body(scope.context(), clients);
        resolving.cancel();
      });
    }));
  }

  core::task<Result<Resolver::Addresses>> look_up(std::string host) {
    const auto found = zone_.find(host);
    if (found == zone_.end()) co_return fail(ErrorKind::invalid, Reason::unresolved, "name");
    co_return found->second;
  }

  // The reply's body, or the error.
  static core::task<std::string> get(core::Context& context, HostClients& clients, Origin origin,
                                     RequestHead request = {}) {
    auto response = co_await clients.send(context, std::move(origin), request);
    if (!response) co_return response.error().message();
    std::string text;
    for (;;) {
      const auto piece = co_await response->body().next(context);
      if (!piece) co_return piece.error().message();
      if (piece->empty()) co_return text;
      text.append(reinterpret_cast<const char*>(piece->data()), piece->size());
    }
  }

  std::map<std::string, Resolver::Addresses> zone_;
};

net::SocketAddress at(const char* text) { return *net::SocketAddress::parse(text); }

TEST_F(HostClientsTest, ARequestGoesWhereItsHostIsAndNamesIt) {
  Recorder recorder(ok("hello"));
  BadUpstream upstream(recorder.script());
  const std::uint16_t port = upstream.address().port();
  zone_["catalog.test"] = {at("127.0.0.1:0")};
  run({}, [&](core::Context& context, HostClients& clients) -> core::task<> {
    EXPECT_EQ(co_await get(context, clients, {"Catalog.test", port}), "hello");
    EXPECT_EQ(co_await get(context, clients, {"catalog.test", port}), "hello");
    EXPECT_EQ(co_await get(context, clients, {"localhost", port}), "hello");
    EXPECT_EQ(clients.stats().hosts, 2u);
    EXPECT_EQ(clients.stats().made, 2u);
    std::map<std::string, std::uint64_t> connects;
    clients.for_each([&](const std::string& origin, const http::Client::Stats& stats) {
      connects[origin] = stats.connects;
    });
    EXPECT_EQ(connects["http://catalog.test:" + std::to_string(port)], 1u);
  });
  ASSERT_EQ(recorder.seen().size(), 3u);
  EXPECT_NE(recorder.seen()[1].head.find("ost: Catalog.test:" + std::to_string(port)), std::string::npos);
}

TEST_F(HostClientsTest, AnAddressThatRefusesIsPassedOver) {
  Recorder recorder(ok("hello"));
  BadUpstream upstream(recorder.script());
  // Nobody listens on that port of the other two.
  zone_["catalog.test"] = {at("127.0.0.2:0"), at("127.0.0.3:0"), at("127.0.0.1:0")};
  run({.client = {.pool = {.idle_max = 0}}},
      [&](core::Context& context, HostClients& clients) -> core::task<> {
        for (int i = 0; i < 6; ++i)
          EXPECT_EQ(co_await get(context, clients, {"catalog.test", upstream.address().port()}), "hello");
      });
  EXPECT_EQ(upstream.accepted(), 6u);
}

TEST_F(HostClientsTest, AnotherAddressOfANameIsUsedFromThenOn) {
  Recorder old_one(ok("old")), new_one(ok("new"));
  BadUpstream before(old_one.script()), after(new_one.script());
  // By number, because both listen on one address: the port is the name's, not the host's.
  core::Runtime runtime({.processors = 1});
  http::Client client(before.address(), {});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    EXPECT_EQ((co_await fetch(root.context(), client, {})).body, "old");
    EXPECT_EQ(client.stats().pool.idle, 1u);
    client.set_upstreams({before.address(), after.address()});
    EXPECT_EQ(client.stats().pool.idle, 1u);
    client.set_upstreams({after.address()});
    EXPECT_EQ(client.stats().pool.idle, 0u);
    EXPECT_EQ(client.stats().pool.closed_for(http::CloseCause::moved), 1u);
    EXPECT_EQ((co_await fetch(root.context(), client, {})).body, "new");
    // One that is in use meanwhile is not kept for another.
    auto response = co_await client.send(root.context(), {});
    client.set_upstreams({before.address()});
    while (true) {
      const auto piece = co_await response->body().next(root.context());
      if (!piece || piece->empty()) break;
    }
    response = std::unexpected(Error{});
    EXPECT_EQ(client.stats().pool.idle, 0u);
    EXPECT_EQ((co_await fetch(root.context(), client, {})).body, "old");
  }));
}

TEST_F(HostClientsTest, ANameWithoutAnAddressIsAnErrorOfItsOwn) {
  run({}, [&](core::Context& context, HostClients& clients) -> core::task<> {
    EXPECT_EQ(co_await get(context, clients, {"nobody.test", 80}), "invalid: unresolved at name");
    EXPECT_EQ(co_await get(context, clients, {"no name", 80}), "invalid: malformed at name");
    EXPECT_EQ(co_await get(context, clients, {"localhost", 443, true}), "unsupported at https");
    EXPECT_EQ(clients.stats().unresolved, 1u);
    EXPECT_EQ(clients.stats().hosts, 0u);
  });
}

TEST_F(HostClientsTest, ThereAreNoMoreHostsThanAllowed) {
  Recorder recorder(ok("hello"));
  BadUpstream upstream(recorder.script());
  const std::uint16_t port = upstream.address().port();
  for (const char* host : {"a.test", "b.test", "c.test"}) zone_[host] = {at("127.0.0.1:0")};
  run({.hosts_max = 2}, [&](core::Context& context, HostClients& clients) -> core::task<> {
    {
      auto a = co_await clients.send(context, {"a.test", port}, {});
      auto b = co_await clients.send(context, {"b.test", port}, {});
      EXPECT_TRUE(a && b);
      EXPECT_EQ(co_await get(context, clients, {"c.test", port}), "overloaded: keys_full at hosts");
    }
    EXPECT_EQ(clients.stats().refused, 1u);
    EXPECT_EQ(co_await get(context, clients, {"a.test", port}), "hello");
    EXPECT_EQ(co_await get(context, clients, {"c.test", port}), "hello");
    EXPECT_EQ(clients.stats().evicted, 1u);
    EXPECT_EQ(clients.stats().hosts, 2u);
    std::string left;
    clients.for_each(
        [&](const std::string& origin, const http::Client::Stats&) { left += origin.substr(7, 1); });
    EXPECT_EQ(left, "ac");
  });
}

TEST_F(HostClientsTest, AHostThatNobodyAsksIsForgotten) {
  Recorder recorder(ok("hello"));
  BadUpstream upstream(recorder.script());
  zone_["a.test"] = {at("127.0.0.1:0")};
  run({.idle_for = Duration(1)}, [&](core::Context& context, HostClients& clients) -> core::task<> {
    {
      auto inside = co_await clients.send(context, {"a.test", upstream.address().port()}, {});
      EXPECT_TRUE(inside);
      clients.sweep();
      EXPECT_EQ(clients.stats().hosts, 1u);
    }
    (void)co_await core::sleep_for(context, 1us);
    clients.sweep();
    EXPECT_EQ(clients.stats().hosts, 0u);
    EXPECT_EQ(clients.stats().swept, 1u);
  });
}

std::string gzipped(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST(HttpClientDecoding, ACompressedReplyIsAskedForAndReadAsWhatItWas) {
  Recorder recorder(ok(gzipped("hello, hello, hello"), "Content-Encoding: gzip\r\nETag: \"a\"\r\n"));
  BadUpstream upstream(recorder.script());
  const Fetched fetched = fetch_once(upstream.address(), {}, {.decode = http::DecodeLimits{}});
  EXPECT_TRUE(fetched.answer.whole()) << fetched.answer.text();
  EXPECT_EQ(fetched.answer.body, "hello, hello, hello");
  EXPECT_FALSE(fetched.answer.head.headers.get("content-encoding"));
  EXPECT_FALSE(fetched.answer.head.headers.get("content-length"));
  EXPECT_EQ(fetched.answer.head.headers.get("etag"), "\"a\"");
  EXPECT_EQ(fetched.answer.length, std::nullopt);
  EXPECT_NE(recorder.seen()[0].head.find("accept-encoding: gzip, deflate, br\r\n"), std::string::npos);
}

TEST(HttpClientDecoding, NothingIsAskedForNorDecodedUnlessItIsSaid) {
  const std::string bytes = gzipped("hello");
  Recorder recorder(ok(bytes, "Content-Encoding: gzip\r\n"));
  BadUpstream upstream(recorder.script());
  EXPECT_EQ(fetch_once(upstream.address()).answer.body, bytes);
  RequestHead own;
  own.headers.add("Accept-Encoding", "gzip");
  EXPECT_EQ(fetch_once(upstream.address(), own, {.decode = http::DecodeLimits{}}).answer.body, bytes);
  RequestHead part;
  part.headers.add("Range", "bytes=0-1");
  EXPECT_EQ(fetch_once(upstream.address(), part, {.decode = http::DecodeLimits{}}).answer.body, bytes);
  for (const SeenRequest& seen : {recorder.seen()[0], recorder.seen()[2]})
    EXPECT_EQ(seen.head.find("ccept-"), std::string::npos);
}

TEST(HttpClientDecoding, ABombEndsInAnErrorThatSaysSo) {
  Recorder recorder(ok(gzipped(std::string(32 << 20, '\0')), "Content-Encoding: gzip\r\n"));
  BadUpstream upstream(recorder.script());
  const Fetched fetched = fetch_once(upstream.address(), {}, {.decode = http::DecodeLimits{.ratio_max = 50}});
  ASSERT_TRUE(fetched.answer.body_error) << fetched.answer.text();
  EXPECT_EQ(fetched.answer.body_error->message(), "invalid: too_large at content-encoding ratio");
  EXPECT_LT(fetched.answer.body.size(), 2u << 20);
}

}  // namespace
}  // namespace weir::testing

#include "weir/net/dns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::net {
namespace {

using core::Context;
using core::Scope;
using core::task;
using testing::ElementsAre;

Resolver::Addresses addresses(std::initializer_list<const char*> texts) {
  Resolver::Addresses all;
  for (const char* text : texts) all.push_back(*SocketAddress::parse(std::string(text) + ":0"));
  return all;
}

std::vector<std::string> texts(const Result<Resolver::Addresses>& found) {
  if (!found) return {found.error().message()};
  std::vector<std::string> all;
  for (const SocketAddress& address : *found) all.push_back(address.to_string());
  return all;
}

// Look-ups take 100 ms of virtual time and find what the test has put there.
class ResolverTest : public testing::Test {
 protected:
  template <typename Body>
  void run(Body body, Resolver::Options options = {}) {
    options.look_up = [this](Context& context, std::string host) {
      return look_up(context, std::move(host));
    };
    resolver_.emplace(std::move(options));
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> {
      Context own(root.context());
      const Result<> done = co_await core::with_scope(root.context(), [&](Scope& scope) -> task<> {
        spawn(scope, resolver_->run(own));
        co_await body(scope);
        own.cancel();
      });
      EXPECT_TRUE(done);
    }));
  }
  void spawn(Scope& scope, task<> child) {
    scope.spawn(std::move(tasks_.try_acquire().value()), std::move(child));
  }

  task<Result<Resolver::Addresses>> look_up(Context& context, std::string host) {
    ++asked_[host];
    running_ += 1;
    most_running_ = std::max(most_running_, running_);
    const Result<> slept = co_await core::sleep_for(context, takes_);
    running_ -= 1;
    if (!slept) co_return std::unexpected(slept.error());
    const auto found = zone_.find(host);
    if (found == zone_.end()) co_return fail(ErrorKind::invalid, Reason::unresolved, "name");
    co_return found->second;
  }

  task<std::vector<std::string>> resolve(Context& context, std::string host) {
    co_return texts(co_await resolver_->resolve(context, host, 80));
  }
  // For a caller of its own.
  task<> note(Context& context, std::string host, std::vector<std::vector<std::string>>& into) {
    into.push_back(co_await resolve(context, std::move(host)));
  }

  core::Simulation simulation_{{.seed = 1}};
  core::Runtime runtime_{{.processors = 2, .simulation = &simulation_}};
  core::Limit tasks_{{.name = "tasks", .limit = 100}};
  std::optional<Resolver> resolver_;
  std::map<std::string, Result<Resolver::Addresses>> zone_{
      {"a.test", addresses({"10.0.0.1", "[2001:db8::1]"})}, {"b.test", addresses({"10.0.0.2"})}};
  std::map<std::string, int> asked_;
  Duration takes_ = 100ms;
  int running_ = 0;
  int most_running_ = 0;
};

const std::vector<std::string> kA{"10.0.0.1:80", "[2001:db8::1]:80"};
const std::vector<std::string> kB{"10.0.0.2:80"};

TEST_F(ResolverTest, NumbersAndLocalhostAskNobody) {
  run([&](Scope& scope) -> task<> {
    EXPECT_THAT(co_await resolve(scope.context(), "10.1.2.3"), ElementsAre("10.1.2.3:80"));
    EXPECT_THAT(co_await resolve(scope.context(), "::1"), ElementsAre("[::1]:80"));
    EXPECT_THAT(co_await resolve(scope.context(), "LocalHost"), ElementsAre("127.0.0.1:80", "[::1]:80"));
    EXPECT_THAT(co_await resolve(scope.context(), "db.localhost."), ElementsAre("127.0.0.1:80", "[::1]:80"));
  });
  EXPECT_TRUE(asked_.empty());
}

TEST_F(ResolverTest, ANameIsAskedForOnceWhileItIsFresh) {
  run([&](Scope& scope) -> task<> {
    EXPECT_EQ(co_await resolve(scope.context(), "A.Test."), kA);
    EXPECT_EQ(co_await resolve(scope.context(), "a.test"), kA);
    EXPECT_EQ(resolver_->stats().hits, 1u);
    (void)co_await core::sleep_for(scope.context(), 31s);
    EXPECT_EQ(co_await resolve(scope.context(), "a.test"), kA);
  });
  EXPECT_EQ(asked_["a.test"], 2);
}

TEST_F(ResolverTest, CallersAtOnceShareALookUp) {
  run([&](Scope& scope) -> task<> {
    std::vector<std::vector<std::string>> found;
    (void)co_await core::with_scope(scope.context(), [&](Scope& inner) -> task<> {
      for (int i = 0; i < 20; ++i) spawn(inner, note(inner.context(), "a.test", found));
      co_return;
    });
    EXPECT_EQ(found, std::vector(20, kA));
  });
  EXPECT_EQ(asked_["a.test"], 1);
  EXPECT_EQ(resolver_->stats().joined, 19u);
}

TEST_F(ResolverTest, ACallerWhoLeavesFailsNobodyElse) {
  run([&](Scope& scope) -> task<> {
    std::vector<std::vector<std::string>> found;
    (void)co_await core::with_scope(scope.context(), [&](Scope& inner) -> task<> {
      core::Context hasty(inner.context(), core::now() + 10ms);
      spawn(inner, note(inner.context(), "a.test", found));
      const auto left = co_await resolver_->resolve(hasty, "a.test", 80);
      EXPECT_FALSE(left);
      if (!left) EXPECT_EQ(left.error().kind, ErrorKind::deadline);
    });
    EXPECT_THAT(found, ElementsAre(kA));
    // Also where the one who began it leaves.
    core::Context hasty(scope.context(), core::now() + 10ms);
    EXPECT_FALSE(co_await resolver_->resolve(hasty, "b.test", 80));
    EXPECT_EQ(co_await resolve(scope.context(), "b.test"), kB);
  });
  EXPECT_EQ(asked_["a.test"], 1);
  EXPECT_EQ(asked_["b.test"], 1);
}

TEST_F(ResolverTest, ThatThereIsNoSuchNameIsRememberedForAShortWhile) {
  run([&](Scope& scope) -> task<> {
    for (int i = 0; i < 3; ++i) {
      const auto found = co_await resolver_->resolve(scope.context(), "none.test", 80);
      EXPECT_FALSE(found);
      if (!found) EXPECT_EQ(found.error().reason, Reason::unresolved);
    }
    EXPECT_EQ(asked_["none.test"], 1);
    zone_["none.test"] = addresses({"10.0.0.9"});
    (void)co_await core::sleep_for(scope.context(), 6s);
    EXPECT_THAT(co_await resolve(scope.context(), "none.test"), ElementsAre("10.0.0.9:80"));
  });
}

TEST_F(ResolverTest, WhatWasFoundIsGivenWhileLookUpsFail) {
  run([&](Scope& scope) -> task<> {
    EXPECT_EQ(co_await resolve(scope.context(), "a.test"), kA);
    zone_["a.test"] = fail(ErrorKind::disconnected, Reason::unresolved, "name");
    (void)co_await core::sleep_for(scope.context(), 5min);
    EXPECT_EQ(co_await resolve(scope.context(), "a.test"), kA);
    EXPECT_EQ(co_await resolve(scope.context(), "a.test"), kA);
    EXPECT_EQ(asked_["a.test"], 2);  // not for each
    EXPECT_EQ(resolver_->stats().stale, 2u);
    (void)co_await core::sleep_for(scope.context(), 10min);
    const auto found = co_await resolver_->resolve(scope.context(), "a.test", 80);
    EXPECT_FALSE(found);
    if (!found) EXPECT_EQ(found.error().kind, ErrorKind::disconnected);
  });
}

TEST_F(ResolverTest, ANameThatIsNoMoreIsNotGiven) {
  run([&](Scope& scope) -> task<> {
    EXPECT_EQ(co_await resolve(scope.context(), "a.test"), kA);
    zone_.erase("a.test");
    (void)co_await core::sleep_for(scope.context(), 31s);
    EXPECT_FALSE(co_await resolver_->resolve(scope.context(), "a.test", 80));
  });
}

TEST_F(ResolverTest, ANameInUseIsAskedForAgainBesideItsAnswers) {
  run([&](Scope& scope) -> task<> {
    EXPECT_EQ(co_await resolve(scope.context(), "a.test"), kA);
    zone_["a.test"] = addresses({"10.0.0.7"});
    (void)co_await core::sleep_for(scope.context(), 24s);
    const TimePoint before = core::now();
    EXPECT_EQ(co_await resolve(scope.context(), "a.test"), kA);
    EXPECT_LT(core::now() - before, 50ms);
    (void)co_await core::sleep_for(scope.context(), 1s);
    EXPECT_THAT(co_await resolve(scope.context(), "a.test"), ElementsAre("10.0.0.7:80"));
  });
  EXPECT_EQ(asked_["a.test"], 2);
}

TEST_F(ResolverTest, NamesAndLookUpsAreBounded) {
  run(
      [&](Scope& scope) -> task<> {
        for (const char* name : {"a.test", "b.test", "c.test", "d.test"}) {
          (void)co_await resolver_->resolve(scope.context(), name, 80);
        }
        EXPECT_EQ(resolver_->stats().names, 3u);
        EXPECT_EQ(resolver_->stats().evicted, 1u);
        std::vector<std::vector<std::string>> found;
        (void)co_await core::with_scope(scope.context(), [&](Scope& inner) -> task<> {
          for (const char* name : {"w.test", "x.test", "y.test", "z.test"}) {
            spawn(inner, note(inner.context(), name, found));
          }
          co_return;
        });
        EXPECT_EQ(found.size(), 4u);
        EXPECT_EQ(resolver_->stats().refused, 1u);  // three are looked up: none can go
      },
      {.names_max = 3, .lookups_max = 2});
  EXPECT_EQ(most_running_, 2);
}

TEST_F(ResolverTest, ALookUpThatTakesTooLongIsGivenUp) {
  takes_ = 1h;
  run([&](Scope& scope) -> task<> {
    const auto found = co_await resolver_->resolve(scope.context(), "a.test", 80);
    EXPECT_FALSE(found);
    if (!found) EXPECT_EQ(found.error().reason, Reason::timed_out);
  });
}

TEST_F(ResolverTest, WhatCanBeNoNameIsRefused) {
  run([&](Scope& scope) -> task<> {
    for (const std::string& name :
         {std::string(), std::string("a b"), std::string("-a.test"), std::string("a..b"),
          std::string(64, 'a'), std::string(250, 'a') + ".test", std::string("a.test/"),
          std::string("a\0b", 3)}) {
      const auto found = co_await resolver_->resolve(scope.context(), name, 80);
      EXPECT_FALSE(found) << name;
      if (!found) EXPECT_EQ(found.error().reason, Reason::malformed) << name;
    }
  });
  EXPECT_TRUE(asked_.empty());
}

TEST_F(ResolverTest, AfterItsRunItRefuses) {
  run([](Scope&) -> task<> { co_return; });
  EXPECT_EQ(resolver_->stats().names, 0u);
  std::optional<Error> refused;
  core::Simulation simulation{{.seed = 2}};
  core::Runtime runtime{{.processors = 1, .simulation = &simulation}};
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const auto found = co_await resolver_->resolve(root.context(), "a.test", 80);
    if (!found) refused = found.error();
  }));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, Reason::draining);
}

TEST(SystemResolver, LooksUpOnAThreadOfItsOwn) {
  core::Runtime runtime({.processors = 1});
  Resolver resolver;
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    core::Limit limit({.name = "resolver", .limit = 1});
    Context own(root.context());
    (void)co_await core::with_scope(own, [&](Scope& scope) -> task<> {
      scope.spawn(*limit.try_acquire(), resolver.run(own));
      // No network is needed to say so (RFC 6761 section 6.4).
      const auto found = co_await resolver.resolve(scope.context(), "no-such-name.invalid", 80);
      EXPECT_FALSE(found);
      if (!found) EXPECT_EQ(found.error().reason, Reason::unresolved);
      own.cancel();
    });
  }));
}

TEST(ResolveAll, KnowsNumbersAndLocalhostAndWhatCanBeNoName) {
  EXPECT_THAT(texts(resolve_all("10.1.2.3", 80)), ElementsAre("10.1.2.3:80"));
  EXPECT_THAT(texts(resolve_all("localhost", 80)), ElementsAre("127.0.0.1:80", "[::1]:80"));
  EXPECT_THAT(texts(resolve_all("no such name", 80)), ElementsAre("invalid: malformed at name"));
}

}  // namespace
}  // namespace weir::net

#include "weir/service/deferral.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "weir/core/runtime.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::service {
namespace {

using State = Deferral::Ticket::State;

class Text final : public http::BodySource {
 public:
  explicit Text(std::string text) : text_(std::move(text)), left_(text_) {}
  core::task<Result<std::span<const std::byte>>> next(core::Context&) override {
    if (broken) co_return fail(ErrorKind::disconnected, Reason::closed);
    co_return std::as_bytes(std::span(std::exchange(left_, {})));
  }
  std::optional<std::uint64_t> length() const override { return announced; }
  const http::Headers* trailers() const override { return nullptr; }

  std::optional<std::uint64_t> announced;
  bool broken = false;

 private:
  const std::string text_;
  std::string_view left_;
};

// An upstream that replies as it is told; 0: not at all.
class DeferralTest : public ::testing::Test {
 protected:
  template <typename Body>
  void run(const DeferConfig& config, Body body) {
    EXPECT_TRUE(runtime_.run([&](core::Scope& root) -> core::task<> {
      core::Context own(root.context());
      deferral_.emplace("u", config, ledger_, [this](core::Context& context, const StoredRequest& request) {
        return send(context, request.body);
      });
      EXPECT_TRUE(co_await core::with_scope(root.context(), [&](core::Scope& scope) -> core::task<> {
        scope.spawn(std::move(tasks_.try_acquire().value()), deferral_->run(own));
        co_await body(scope.context());
        own.cancel();
      }));
    }));
    left_ = deferral_->stats().left;
    deferral_.reset();
  }
  core::task<Result<int>> send(core::Context& context, std::string body) {
    if (const Result<> slept = co_await core::sleep_for(context, 5ms); !slept)
      co_return std::unexpected(slept.error());
    sent_.push_back(body);
    if (status_ == 0) co_return fail(ErrorKind::overloaded, Reason::breaker_open);
    co_return status_;
  }
  core::task<std::string> take(core::Context& context, std::string text) {
    Text body(std::move(text));
    co_return (co_await deferral_->take(context, {.method = "POST", .target = "/o"}, body)).value_or("");
  }
  State state(const std::string& ticket) const {
    const auto found = deferral_->find(ticket);
    EXPECT_TRUE(found) << ticket;
    return found ? found->state : State::given_up;
  }

  core::Simulation simulation_{{.seed = 1}};
  core::Runtime runtime_{{.processors = 2, .simulation = &simulation_}};
  core::Limit tasks_{{.name = "tasks", .limit = 10}};
  bounds::Ledger ledger_;
  std::optional<Deferral> deferral_;
  std::vector<std::string> sent_;
  int status_ = 201;
  std::uint64_t left_ = 0;
};

TEST_F(DeferralTest, IsSentOnceTheUpstreamTakesItAndThenForgotten) {
  run({.results_for = 10s}, [&](core::Context& context) -> core::task<> {
    status_ = 0;
    const std::string ticket = co_await take(context, "hello");
    EXPECT_EQ(ticket.size(), 32u);
    EXPECT_EQ(state(ticket), State::pending);
    (void)co_await core::sleep_for(context, 1s);
    EXPECT_EQ(state(ticket), State::pending);
    status_ = 404;
    (void)co_await core::sleep_for(context, 60s);
    EXPECT_EQ(sent_.back(), "hello");
    EXPECT_FALSE(deferral_->find(ticket)) << "ended more than ten seconds ago";
    const std::string quick = co_await take(context, "again");
    (void)co_await core::sleep_for(context, 5s);
    EXPECT_EQ(deferral_->find(quick)->status, 404);
    EXPECT_EQ(to_json(*deferral_->find(quick)), "{\"state\":\"done\",\"status\":404}\n");
    EXPECT_NE(ticket, quick);
    EXPECT_EQ(deferral_->stats().done, 2u);
  });
}

TEST_F(DeferralTest, IsGivenUpAfterItsTriesAndAtTheEndAndSaysSo) {
  run({.tries = 3}, [&](core::Context& context) -> core::task<> {
    status_ = 0;
    const std::string ticket = co_await take(context, "x");
    (void)co_await core::sleep_for(context, 200s);
    EXPECT_EQ(to_json(*deferral_->find(ticket)), "{\"state\":\"given_up\",\"reason\":\"tried_too_often\"}\n");
    EXPECT_EQ(sent_.size(), 3u);
    EXPECT_NE(co_await take(context, "y"), "");
  });
  EXPECT_EQ(left_, 1u);
}

TEST_F(DeferralTest, WhatHasNoRoomIsRefused) {
  const DeferConfig config{.body_bytes = Bytes{10}, .entries = 2, .results = 3};
  run(config, [&](core::Context& context) -> core::task<> {
    status_ = 0;
    EXPECT_EQ(co_await take(context, "eleven bytes"), "");
    EXPECT_NE(co_await take(context, "a"), "");
    EXPECT_NE(co_await take(context, "b"), "");
    EXPECT_EQ(co_await take(context, "c"), "") << "two are kept";
    EXPECT_EQ(deferral_->stats().refused, 1u);
    Text broken("x");
    broken.broken = true;
    EXPECT_FALSE(co_await deferral_->take(context, {.method = "POST", .target = "/"}, broken));
    status_ = 200;
    (void)co_await core::sleep_for(context, 60s);
    std::vector<std::string> tickets;
    for (int i = 0; i < 4; ++i) {
      tickets.push_back(co_await take(context, "d"));
      (void)co_await core::sleep_for(context, 1s);
    }
    EXPECT_FALSE(deferral_->find(tickets[0])) << "of three it is known what became of them";
    EXPECT_EQ(state(tickets[1]), State::done);
  });
}

TEST_F(DeferralTest, TakesWhatItsMethodsPathsAndBodiesSay) {
  run({.methods = {"POST", "PUT"}, .paths = {"/orders/"}, .body_bytes = Bytes{10}},
      [&](core::Context&) -> core::task<> {
        Text small("x"), large("x");
        small.announced = 10;
        large.announced = 11;
        const auto takes = [&](const char* method, const char* target, const Text& body) {
          return deferral_->takes({.method = method, .target = target}, body);
        };
        EXPECT_TRUE(takes("PUT", "/orders/1", small));
        EXPECT_FALSE(takes("GET", "/orders/1", small));
        EXPECT_FALSE(takes("POST", "/order", small));
        EXPECT_FALSE(takes("POST", "/orders/", large));
        small.announced.reset();
        EXPECT_TRUE(takes("POST", "/orders/", small)) << "only its end will tell";
        co_return;
      });
}

TEST_F(DeferralTest, HoldsBodiesAsLargeAsTheySayOrMayBe) {
  run({.body_bytes = Bytes{100}}, [&](core::Context&) -> core::task<> {
    Text small("x"), unknown("x"), none("");
    small.announced = 10;
    none.announced = 0;
    EXPECT_EQ(ledger_.find("deferring:u")->limit, 6400u) << "64 of the largest";
    const auto first = deferral_->room_for(small), second = deferral_->room_for(none);
    EXPECT_EQ(ledger_.find("deferring:u")->in_use, 11u);
    std::vector<core::Permit> rest;
    while (auto permit = deferral_->room_for(unknown)) rest.push_back(std::move(*permit));
    EXPECT_EQ(rest.size(), 63u);
    EXPECT_TRUE(deferral_->room_for(small)) << "89 bytes are left";
    co_return;
  });
}

TEST_F(DeferralTest, KeepsWhatWasReadAlreadyBeforeTheRest) {
  run({.body_bytes = Bytes{10}}, [&](core::Context& context) -> core::task<> {
    Text rest("67890"), more("678901");
    EXPECT_TRUE(co_await deferral_->take(context, {.method = "POST", .target = "/o"}, rest, "12345"));
    EXPECT_FALSE(co_await deferral_->take(context, {.method = "POST", .target = "/o"}, more, "12345"));
    deferral_->close();
    EXPECT_TRUE(co_await deferral_->ended(context));
    EXPECT_EQ(sent_, (std::vector<std::string>{"1234567890"}));
  });
}

TEST_F(DeferralTest, ClosedItSendsWhatIsLeftAndEnds) {
  run({}, [&](core::Context& context) -> core::task<> {
    for (const char* text : {"a", "b", "c"}) EXPECT_NE(co_await take(context, text), "");
    deferral_->close();
    EXPECT_EQ(co_await take(context, "d"), "") << "nothing more is taken in";
    EXPECT_TRUE(co_await deferral_->ended(context));
    EXPECT_EQ(sent_, (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(ledger_.find("deferred:u")->in_use, 0u);
  });
  EXPECT_EQ(left_, 0u);
}

}  // namespace
}  // namespace weir::service

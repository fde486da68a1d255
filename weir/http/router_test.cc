#include "weir/http/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "weir/http/in_memory.h"
#include "weir/http/problem.h"

namespace weir::http {
namespace {

using testing::HasSubstr;

// Answers with the pattern and what its parts stand for.
core::task<void> tell(Exchange& exchange, const PathParams& path) {
  std::string text(path.pattern());
  for (const char* name : {"id", "post", "path", "name"}) {
    if (path.pattern().find(std::string("{") + name) != std::string_view::npos) {
      text.append(" ").append(name).append("=").append(path[name]);
    }
  }
  (void)co_await exchange.respond({}, text);
}

core::task<void> hello(Exchange& exchange) { (void)co_await exchange.respond({}, "hello"); }

core::task<Result<>> refuse(Exchange&) {
  co_return fail(ErrorKind::overloaded, Reason::queue_full, "inside");
}

core::task<Result<>> show_number(Exchange& exchange, const PathParams& path) {
  const Result<std::int64_t> id = path.integer("id");
  if (!id) co_return std::unexpected(id.error());
  co_return co_await exchange.respond({}, std::to_string(*id + 1));
}

Router made(std::vector<Route> routes, const std::vector<Middleware>& around = {}) {
  auto router = Router::make(std::move(routes), around);
  EXPECT_TRUE(router) << router.error();
  return std::move(*router);
}

std::string mistakes(std::vector<Route> routes) {
  const auto router = Router::make(std::move(routes));
  return router ? "" : router.error();
}

std::string get(Router& router, std::string target) {
  const InMemoryReply reply = ask(router, {.target = std::move(target)});
  return reply.status == 200 ? reply.body : std::to_string(reply.status);
}

TEST(Router, FindsByPathAndMethod) {
  Router router = made({{"GET /", hello}, {"GET /users/{id}", tell}, {"POST /users", tell}, {"/any", tell}});
  EXPECT_EQ(get(router, "/"), "hello");
  EXPECT_EQ(get(router, "/?a=b"), "hello");
  EXPECT_EQ(get(router, "/users/7"), "GET /users/{id} id=7");
  EXPECT_EQ(get(router, "/users/7?x=/users/8"), "GET /users/{id} id=7");
  EXPECT_EQ(ask(router, {.method = "POST", .target = "/users"}).body, "POST /users");
  EXPECT_EQ(ask(router, {.method = "BREW", .target = "/any"}).body, "/any");
  EXPECT_EQ(get(router, "/users/7/"), "404");
  EXPECT_EQ(get(router, "/users/"), "404");
  EXPECT_EQ(get(router, "/nothing"), "404");
}

TEST(Router, TheNarrowestPatternWinsWhateverTheOrder) {
  const std::vector<Route> routes = {{"GET /{path...}", tell},
                                     {"GET /users/{id}", tell},
                                     {"GET /users/me", tell},
                                     {"GET /users/{id}/posts/{post}", tell},
                                     {"GET /users/{id}/{path...}", tell}};
  std::vector<std::size_t> order(routes.size());
  std::ranges::generate(order, [n = std::size_t{0}]() mutable { return n++; });
  do {
    std::vector<Route> shuffled;
    for (const std::size_t i : order) shuffled.push_back(routes[i]);
    Router router = made(shuffled);
    EXPECT_EQ(get(router, "/users/me"), "GET /users/me");
    EXPECT_EQ(get(router, "/users/you"), "GET /users/{id} id=you");
    EXPECT_EQ(get(router, "/users/you/posts/3"), "GET /users/{id}/posts/{post} id=you post=3");
    EXPECT_EQ(get(router, "/users/you/posts"), "GET /users/{id}/{path...} id=you path=posts");
    EXPECT_EQ(get(router, "/users/you/"), "GET /users/{id}/{path...} id=you path=");
    EXPECT_EQ(get(router, "/users"), "GET /{path...} path=users");
    EXPECT_EQ(get(router, "/"), "GET /{path...} path=");
    EXPECT_EQ(get(router, "/a//b/"), "GET /{path...} path=a//b/");
    if (HasFailure()) break;
  } while (std::ranges::next_permutation(order).found);
}

TEST(Router, GoesOnLookingWhereANarrowerPatternHasNotTheMethod) {
  Router router = made({{"GET /users/me", tell}, {"POST /users/{id}", tell}});
  EXPECT_EQ(ask(router, {.method = "POST", .target = "/users/me"}).body, "POST /users/{id} id=me");
  const InMemoryReply reply = ask(router, {.method = "PUT", .target = "/users/me"});
  EXPECT_EQ(reply.status, 405);
  EXPECT_EQ(reply.header("Allow"), "GET, HEAD, OPTIONS, POST");
}

TEST(Router, DecodesWhatThePartsStandFor) {
  Router router = made({{"GET /users/{id}", tell}, {"GET /caf%C3%A9/{path...}", tell}});
  EXPECT_EQ(get(router, "/users/a%20b"), "GET /users/{id} id=a b");
  EXPECT_EQ(get(router, "/users/a%2Fb"), "GET /users/{id} id=a/b");
  EXPECT_EQ(get(router, "/%75sers/a+b"), "GET /users/{id} id=a+b");
  EXPECT_EQ(get(router, "/caf%c3%a9/x/%41"), "GET /caf%C3%A9/{path...} path=x/A");
}

TEST(Router, RefusesPathsThatAreAfterSomething) {
  Router router = made({{"GET /{path...}", tell}});
  for (const char* target : {"/../etc/passwd", "/a/../b", "/a/..", "/.", "/%2e%2e/x", "/a%2f..%2fb", "/a%00b",
                             "/a%0ab", "/%", "/%4", "/%zz"}) {
    EXPECT_EQ(get(router, target), "400") << target;
  }
  EXPECT_EQ(get(router, "/a..b/.c/d."), "GET /{path...} path=a..b/.c/d.");
}

TEST(Router, ReadsLongPathsToTheEnd) {
  Router router = made({{"GET /{path...}", tell}});
  std::string path;
  for (int i = 0; i < 100; ++i) path += "/x";
  EXPECT_EQ(get(router, path), "GET /{path...} path=" + path.substr(1));
  EXPECT_EQ(get(router, path + "/.."), "400");
  Router short_ones = made({{"GET /{id}", tell}});
  EXPECT_EQ(get(short_ones, path), "404");
}

TEST(Router, ServesHeadByGetAndOptionsByItself) {
  Router router = made({{"GET /users/{id}", tell}, {"DELETE /users/{id}", tell}, {"OPTIONS /own", tell}});
  const InMemoryReply head = ask(router, {.method = "HEAD", .target = "/users/7"});
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(head.header("Content-Length"), "20");
  const InMemoryReply options = ask(router, {.method = "OPTIONS", .target = "/users/7"});
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.header("Allow"), "DELETE, GET, HEAD, OPTIONS");
  EXPECT_EQ(ask(router, {.method = "OPTIONS", .target = "*"}).header("Allow"), "DELETE, GET, HEAD, OPTIONS");
  EXPECT_EQ(ask(router, {.method = "OPTIONS", .target = "/own"}).body, "OPTIONS /own");
  EXPECT_EQ(ask(router, {.method = "OPTIONS", .target = "/none"}).status, 404);
}

TEST(Router, SaysWhatItRefusesAsAProblem) {
  Router router = made({{"GET /users", tell}});
  const InMemoryReply missing = ask(router, {.target = "/none"});
  EXPECT_EQ(missing.header("Content-Type"), "application/problem+json");
  EXPECT_EQ(
      missing.body,
      "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"nothing is here\"}\n");
  const InMemoryReply method = ask(router, {.method = "PUT", .target = "/users"});
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.header("Allow"), "GET, HEAD, OPTIONS");
}

TEST(Router, AnswersTheErrorsOfHandlers) {
  Router router = made({{"GET /full", refuse}, {"GET /numbers/{id}", show_number}});
  const InMemoryReply full = ask(router, {.target = "/full"});
  EXPECT_EQ(full.status, 503);
  EXPECT_EQ(full.header("Retry-After"), "1");
  EXPECT_THAT(full.body, HasSubstr("\"reason\":\"queue_full\""));
  EXPECT_EQ(get(router, "/numbers/41"), "42");
  EXPECT_EQ(get(router, "/numbers/x"), "400");
}

TEST(Router, RefusesRoutesThatMatchTheSame) {
  EXPECT_EQ(mistakes({{"GET /users/{id}", tell}, {"GET /users/{name}", tell}}),
            "routes 'GET /users/{id}' and 'GET /users/{name}' match the same paths\n");
  EXPECT_EQ(
      mistakes({{"GET /a/{id}", tell}, {"GET /{name}/b", tell}}),
      "routes 'GET /a/{id}' and 'GET /{name}/b' match paths in common, and neither is the narrower one\n");
  EXPECT_EQ(mistakes({{"/a/{id}", tell}, {"GET /{name}/b", tell}}),
            "routes '/a/{id}' and 'GET /{name}/b' match paths in common, and neither is the narrower one\n");
  EXPECT_EQ(mistakes({{"/a", tell}, {"/a", tell}}), "routes '/a' and '/a' match the same paths\n");
  EXPECT_EQ(mistakes({{"GET /{name...}", tell}, {"GET /{path...}", tell}}),
            "routes 'GET /{name...}' and 'GET /{path...}' match the same paths\n");
}

TEST(Router, TakesRoutesOfWhichOneIsNarrowerOrTheMethodsDiffer) {
  EXPECT_EQ(mistakes({{"GET /a", tell}, {"POST /a", tell}, {"/a", tell}, {"/{id}", tell}}), "");
  EXPECT_EQ(mistakes({{"GET /a/{id}", tell}, {"POST /{name}/b", tell}}), "");
  EXPECT_EQ(mistakes({{"GET /a/{id}", tell}, {"GET /a/{id}/b", tell}, {"GET /a/{path...}", tell}}), "");
  EXPECT_EQ(mistakes({{"GET /a/", tell}, {"GET /a/{id}", tell}, {"GET /a", tell}}), "");
}

TEST(Router, RefusesPatternsThatAreNone) {
  const std::string all = mistakes({{"users", tell},
                                    {"GET users", tell},
                                    {"G(T /users", tell},
                                    {"/a b", tell},
                                    {"/a?b", tell},
                                    {"/a{id}", tell},
                                    {"/{}", tell},
                                    {"/{path...}/x", tell},
                                    {"/{id}/{id}", tell},
                                    {"/../x", tell},
                                    {"/%4", tell},
                                    {"/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", tell}});
  EXPECT_EQ(std::ranges::count(all, '\n'), 12) << all;
  EXPECT_THAT(all, HasSubstr("route '/{path...}/x': '{path...}' is not the last segment\n"));
  EXPECT_THAT(all, HasSubstr("route '/a{id}': braces stand around a whole segment: 'a{id}'\n"));
}

core::task<void> mark_a(Exchange& exchange, Next next) {
  exchange.reply_head();
  co_await next(exchange);
}

// Notes what it sees before and after.
class Notes {
 public:
  core::task<void> first(Exchange& exchange, Next next) { return note("first", exchange, next); }
  core::task<void> second(Exchange& exchange, Next next) { return note("second", exchange, next); }
  core::task<void> show(Exchange& exchange) {
    text_ += "show ";
    (void)co_await exchange.respond({}, "shown");
  }
  const std::string& text() const { return text_; }

 private:
  core::task<void> note(std::string name, Exchange& exchange, Next next) {
    text_ += name + "(" + std::string(next.path().pattern()) + " ";
    co_await next(exchange);
    text_ += ")";
  }

  std::string text_;
};

core::task<void> require_key(Exchange& exchange, Next next) {
  if (!exchange.request().headers.get("X-Key")) {
    (void)co_await respond_problem(exchange, {.status = 401});
    co_return;
  }
  co_await next(exchange);
}

TEST(Middleware, StandsAroundTheHandlerTheFirstOutermost) {
  Notes notes;
  Router router = made({{"GET /a", bind<&Notes::show>(notes), {bind<&Notes::second>(notes)}}},
                       {bind<&Notes::first>(notes), mark_a});
  EXPECT_EQ(get(router, "/a"), "shown");
  EXPECT_EQ(notes.text(), "first(GET /a second(GET /a show ))");
}

TEST(Middleware, OfTheRouterStandsAroundWhatNoRouteMatches) {
  Notes notes;
  Router router = made({{"GET /a", hello}}, {bind<&Notes::first>(notes)});
  EXPECT_EQ(get(router, "/none"), "404");
  EXPECT_EQ(notes.text(), "first( )");
}

TEST(Middleware, MayAnswerItself) {
  Router router = made(under("/api", {{"GET /x", hello}, {"GET /y/{id}", tell}}, {require_key}));
  EXPECT_EQ(get(router, "/api/x"), "401");
  EXPECT_EQ(ask(router, {.target = "/api/x", .headers = {{"X-Key", "1"}}}).body, "hello");
  EXPECT_EQ(ask(router, {.target = "/api/y/3", .headers = {{"X-Key", "1"}}}).body, "GET /api/y/{id} id=3");
}

TEST(Middleware, MayBeAFunctionWithoutCaptures) {
  Router router =
      made({{"GET /",
             [](Exchange& exchange) -> core::task<void> { (void)co_await exchange.respond({}, "lambda"); }}},
           {[](Exchange& exchange, Next next) -> core::task<void> { co_await next(exchange); }});
  EXPECT_EQ(get(router, "/"), "lambda");
}

}  // namespace
}  // namespace weir::http

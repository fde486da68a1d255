#include "weir/service/admin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "weir/bounds/bound.h"
#include "weir/service/internal/testing.h"

namespace weir::service {
namespace {

using testing::Answer;
using ::testing::HasSubstr;
using testing::request;
using ::testing::StartsWith;

class AdminTest : public ::testing::Test {
 protected:
  AdminTest()
      : inflight_(ledger_, {.name = "inflight", .limit = 7, .because = "a test"}),
        admin_({.service = "shop-edge",
                .ledger = ledger_,
                .expose = [](observe::Exposition& page) { page.gauge("weir_test", "Of this test.", {}, 42); },
                .overview = [] { return std::string("<p>what is where</p>"); }}) {}

  Answer ask(const http::RequestHead& head) { return testing::ask(admin_, head); }
  Answer get(std::string target, std::string_view accept = {}) {
    return ask(request("GET", std::move(target), accept));
  }

  bounds::Ledger ledger_;
  bounds::Bound inflight_;
  Admin admin_;
};

TEST_F(AdminTest, IsHealthyAlwaysAndReadyWhenItIsTold) {
  EXPECT_EQ(get("/healthz").status, 200);
  EXPECT_EQ(get("/readyz").status, 503);
  admin_.set_ready(true);
  EXPECT_EQ(get("/readyz").status, 200);
  admin_.set_ready(false);
  EXPECT_EQ(get("/readyz").status, 503);
  EXPECT_EQ(get("/healthz").status, 200);
}

TEST_F(AdminTest, TheMetricsHaveTheBoundsWhatWasAddedAndTheProcess) {
  const Answer answer = get("/metrics");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.get("content-type"), observe::Exposition::content_type());
  EXPECT_THAT(answer.body, HasSubstr("weir_bound_limit{bound=\"inflight\"} 7\n"));
  EXPECT_THAT(answer.body, HasSubstr("weir_test 42\n"));
  EXPECT_THAT(answer.body, HasSubstr("process_resident_memory_bytes "));
}

TEST_F(AdminTest, TheBoundsAreJsonUnlessAPageIsAskedFor) {
  const auto type = [this](std::string target, std::string_view accept) {
    return std::string(get(std::move(target), accept).headers.get("content-type").value_or("none"));
  };
  constexpr std::string_view kJson = "application/json";
  constexpr std::string_view kHtml = "text/html; charset=utf-8";
  EXPECT_EQ(type("/debug/bounds", ""), kJson);
  EXPECT_EQ(type("/debug/bounds", "*/*"), kJson);
  EXPECT_EQ(type("/debug/bounds", "application/xhtml+xml, text/html;q=0.9"), kHtml);
  EXPECT_EQ(type("/debug/bounds?format=html", "*/*"), kHtml);
  EXPECT_EQ(type("/debug/bounds?format=json", "text/html"), kJson);
  EXPECT_THAT(get("/debug/bounds").body,
              StartsWith("{\"service\":\"shop-edge\",\"bounds\":[{\"name\":\"inflight\""));
}

TEST_F(AdminTest, TheOverviewIsAPageOfTheService) {
  const Answer answer = get("/");
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr("shop-edge"));
  EXPECT_THAT(answer.body, HasSubstr("<p>what is where</p>"));
}

TEST_F(AdminTest, NothingMayBeKeptOrTakenForAnotherType) {
  for (const char* target : {"/", "/healthz", "/metrics", "/debug/bounds", "/nowhere"}) {
    const Answer answer = get(target);
    EXPECT_EQ(answer.headers.get("cache-control"), "no-store") << target;
    EXPECT_EQ(answer.headers.get("x-content-type-options"), "nosniff") << target;
  }
}

TEST_F(AdminTest, WhatIsNotThereIsAnsweredWithWhatIs) {
  for (const char* target : {"/nowhere", "/metrics/", "/debug", "//"}) {
    const Answer answer = get(target);
    EXPECT_EQ(answer.status, 404) << target;
    EXPECT_THAT(answer.body, HasSubstr("/debug/bounds"));
  }
}

TEST_F(AdminTest, OnlyGetAndHeadAreAllowed) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
    const Answer answer = ask(request(method, "/healthz"));
    EXPECT_EQ(answer.status, 405) << method;
    EXPECT_EQ(answer.headers.get("allow"), "GET, HEAD") << method;
  }
  const Answer head = ask(request("HEAD", "/healthz"));
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(head.headers.get("content-length"), "3");
}

}  // namespace
}  // namespace weir::service

#include "weir/service/demo_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "weir/service/config.h"

namespace weir::service {
namespace {

TEST(DemoConfig, PassesTheCheckWithoutAWarning) {
  const Parsed parsed = parse_config("demo", demo_config());
  ASSERT_TRUE(parsed) << parsed.error().text(Colour::no);
  EXPECT_EQ(parsed->warnings.text(Colour::no), "");
}

TEST(DemoConfig, RunsOnABareMachine) {
  const GatewayConfig config = parse_config("demo", demo_config())->config;
  EXPECT_EQ(config.service, "demo");
  EXPECT_EQ(config.listen.text(), "127.0.0.1:8080");
  EXPECT_EQ(config.admin.text(), "127.0.0.1:9090");
  ASSERT_EQ(config.upstreams.size(), 1u);
  EXPECT_EQ(config.upstreams[0].name, "demo");
  EXPECT_TRUE(config.upstreams[0].targets[0].url.embedded_demo);
  EXPECT_THAT(config.routes, testing::ElementsAre(RouteConfig{.match = "/", .upstream = "demo"}));
  EXPECT_TRUE(config.tenant);
}

TEST(DemoConfig, SaysWhatTheDefaultsAre) {
  const GatewayConfig config = parse_config("demo", demo_config())->config;
  EXPECT_EQ(config.server, ServerConfig{});
  EXPECT_EQ(config.drain, DrainConfig{});
}

TEST(OverloadExample, PassesTheCheckWithoutAWarning) {
  const Parsed parsed = load_config("docs/examples/overload.yaml");
  ASSERT_TRUE(parsed) << parsed.error().text(Colour::no);
  EXPECT_EQ(parsed->warnings.text(Colour::no), "");
  EXPECT_EQ(parsed->config.inflight.limit, 50u);
}

}  // namespace
}  // namespace weir::service

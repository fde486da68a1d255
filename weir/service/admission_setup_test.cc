#include "weir/service/admission_setup.h"

#include <gtest/gtest.h>

namespace weir::service {
namespace {

GatewayConfig config_with(const char* limiter, std::uint32_t limit) {
  GatewayConfig config{.service = "test"};
  config.inflight.limit = limit;
  config.inflight.limiter.algorithm = limiter;
  return config;
}

// Of the bound that a limiter moves, what a proof counts is what it may be moved to.
TEST(GatewayAdmissionSetup, WhatALimiterMayGoToIsDeclared) {
  for (const char* limiter : {"queue_delay", "gradient2", "vegas", "aimd", "fixed"}) {
    SCOPED_TRACE(limiter);
    bounds::Ledger ledger;
    const GatewayAdmission admission(config_with(limiter, 1000), ledger);
    const auto row = ledger.find("inflight");
    ASSERT_TRUE(row);
    EXPECT_EQ(row->limit_max, 1000u);
    EXPECT_GE(row->worst_case().count, 1000 * row->each.count);
  }
}

TEST(GatewayAdmissionSetup, AReloadDeclaresItAnew) {
  bounds::Ledger ledger;
  GatewayAdmission admission(config_with("queue_delay", 100), ledger);
  EXPECT_EQ(ledger.find("inflight")->limit, 20u);
  admission.apply(config_with("queue_delay", 500));
  EXPECT_EQ(ledger.find("inflight")->limit_max, 500u);
  admission.apply(config_with("fixed", 300));
  EXPECT_EQ(ledger.find("inflight")->limit_max, 300u);
  EXPECT_EQ(ledger.find("inflight")->limit, 300u);
}

}  // namespace
}  // namespace weir::service

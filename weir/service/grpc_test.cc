#include "weir/service/grpc.h"

#include <gtest/gtest.h>

#include "weir/service/refusal_reply.h"

namespace weir::service {
namespace {

http::Headers with(std::string_view name, std::string_view value) {
  http::Headers headers;
  headers.add(name, value);
  return headers;
}

TEST(Grpc, IsToldByItsContentType) {
  EXPECT_TRUE(is_grpc(with("Content-Type", "application/grpc")));
  EXPECT_TRUE(is_grpc(with("content-type", "Application/GRPC+proto")));
  EXPECT_TRUE(is_grpc(with("content-type", "application/grpc; charset=x")));
  EXPECT_FALSE(is_grpc(with("content-type", "application/grpc-web")));
  EXPECT_FALSE(is_grpc(with("content-type", "application/json")));
  EXPECT_FALSE(is_grpc({}));
}

TEST(Grpc, TimeoutsAreReadInAllUnits) {
  EXPECT_EQ(grpc_timeout(with("grpc-timeout", "2H")), Duration(2h));
  EXPECT_EQ(grpc_timeout(with("grpc-timeout", "3M")), Duration(3min));
  EXPECT_EQ(grpc_timeout(with("grpc-timeout", "4S")), Duration(4s));
  EXPECT_EQ(grpc_timeout(with("grpc-timeout", "100m")), Duration(100ms));
  EXPECT_EQ(grpc_timeout(with("grpc-timeout", "5u")), Duration(5us));
  EXPECT_EQ(grpc_timeout(with("grpc-timeout", "99999999n")), Duration(99'999'999));
  EXPECT_EQ(grpc_timeout(with("grpc-timeout", "99999999H")), Duration::max());
  EXPECT_EQ(grpc_timeout(with("grpc-timeout", "0S")), Duration(0));
}

TEST(Grpc, WhatIsNoTimeoutIsNone) {
  for (const char* text : {"", "S", "5", "-5S", "5s", "5 S", "123456789S", "1.5S", "+5S", "S5"}) {
    EXPECT_EQ(grpc_timeout(with("grpc-timeout", text)), std::nullopt) << text;
  }
  EXPECT_EQ(grpc_timeout({}), std::nullopt);
}

TEST(Grpc, TimeoutsAreWrittenAsFinelyAsEightDigitsAllow) {
  EXPECT_EQ(grpc_timeout_text(50ms), "50000000n");
  EXPECT_EQ(grpc_timeout_text(2s), "2000000u");
  EXPECT_EQ(grpc_timeout_text(1h), "3600000m");
  EXPECT_EQ(grpc_timeout_text(-5s), "1n");
  for (const Duration each : {Duration(1), Duration(99ms), Duration(3s), Duration(7h), Duration::max()}) {
    const auto read = grpc_timeout(with("grpc-timeout", grpc_timeout_text(each)));
    ASSERT_TRUE(read);
    EXPECT_LE(*read, each);
    EXPECT_GE(*read, each - each / 100'000);
  }
}

TEST(Grpc, RefusalsSayWhatACallerShouldDo) {
  const auto status = [](int http, std::string_view bound) {
    return grpc_status_of({.status = http, .reason = "r", .message = "", .bound = bound});
  };
  EXPECT_EQ(status(503, "inflight"), GrpcStatus::resource_exhausted);
  EXPECT_EQ(status(429, "tenant"), GrpcStatus::resource_exhausted);
  EXPECT_EQ(status(503, ""), GrpcStatus::unavailable);
  EXPECT_EQ(status(502, ""), GrpcStatus::unavailable);
  EXPECT_EQ(status(504, ""), GrpcStatus::deadline_exceeded);
  EXPECT_EQ(status(404, ""), GrpcStatus::unimplemented);
}

TEST(Grpc, ARefusalIsAReplyOfTrailersAlone) {
  http::ResponseHead head;
  write_grpc_refusal({.status = 503, .reason = "queue_full", .message = "100% full\n", .bound = "inflight"},
                     head);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.get("content-type"), "application/grpc");
  EXPECT_EQ(head.headers.get("grpc-status"), "8");
  EXPECT_EQ(head.headers.get("grpc-message"), "queue_full at inflight: 100%25 full%0A");
}

}  // namespace
}  // namespace weir::service

#include "weir/service/stored_request.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::service {
namespace {

StoredRequest sample() {
  StoredRequest request{.head = {.method = "POST", .target = "/orders?x=1"},
                        .body = std::string("a\0b\r\n", 5)};
  request.head.headers.add("Host", "shop");
  request.head.headers.add("X-Empty", "");
  request.head.headers.add("Host", "twice");
  return request;
}

TEST(StoredRequest, ComesBackAsItWas) {
  const auto back = parse_stored_request(to_bytes(sample()));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->head.method, "POST");
  EXPECT_EQ(back->head.target, "/orders?x=1");
  EXPECT_EQ(back->body, std::string("a\0b\r\n", 5));
  ASSERT_EQ(back->head.headers.size(), 3u);
  EXPECT_EQ(back->head.headers[2].value, "twice");
  EXPECT_EQ(back->head.headers.get("x-empty"), "");
}

TEST(StoredRequest, WhatWasCutOffAnywhereIsNone) {
  const std::string whole = to_bytes(sample());
  std::size_t taken = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // Between two fields it is a request with fewer.
    taken += parse_stored_request(whole.substr(0, size)) ? 1 : 0;
  }
  EXPECT_EQ(taken, 3u);
  EXPECT_FALSE(parse_stored_request("weir-request-2\n" + whole.substr(15)));
}

TEST(StoredRequest, WhatWouldBeAnotherRequestBehindItIsNone) {
  StoredRequest request = sample();
  request.head.target = "/x HTTP/1.1\r\n\r\nGET /";
  EXPECT_FALSE(parse_stored_request(to_bytes(request)));
  request = sample();
  request.head.method = "";
  EXPECT_FALSE(parse_stored_request(to_bytes(request)));
}

}  // namespace
}  // namespace weir::service

#include "weir/service/contract.h"

#include <gtest/gtest.h>

namespace weir::service {
namespace {

const ContractConfig kAll{.deadline = "X-Left", .attempt = "X-Try", .tenant = "X-T", .priority = "X-P"};

TEST(Contract, TellsEachTryItsNumberAndTheTimeItHas) {
  http::RequestHead head;
  head.headers.add("x-left", "5");
  EXPECT_TRUE(tells_each_try(kAll));
  tell_try(kAll, 2, 1500ms + 999us, head);
  EXPECT_EQ(head.headers.get_all("X-Left"), std::vector<std::string_view>{"1500"});
  EXPECT_EQ(head.headers.get("X-Try"), "2");
  tell_try(kAll, 3, -1ms, head);
  EXPECT_EQ(head.headers.get("X-Left"), "0");
  EXPECT_FALSE(tells_each_try({.tenant = "X-T"}));
}

TEST(Contract, TakesAwayWhatAClientSaysAndNobodyKnows) {
  http::RequestHead head;
  head.headers.add("X-T", "forged");
  tell("X-T", std::nullopt, head);
  EXPECT_FALSE(head.headers.get("X-T"));
  tell("X-T", "acme", head);
  EXPECT_EQ(head.headers.get("X-T"), "acme");
}

TEST(Contract, ReadsWhatAClientHasLeft) {
  const auto left = [](std::string_view value) {
    http::RequestHead head;
    head.headers.add("X-Left", value);
    return time_left(kAll, head);
  };
  EXPECT_EQ(left("250"), 250ms);
  EXPECT_EQ(left("0"), 0ms);
  for (const std::string_view none : {"", "-1", "1.5", "1s", "99999999999999999999", "90000000"}) {
    EXPECT_EQ(left(none), Duration::max()) << none;
  }
  EXPECT_EQ(time_left(kAll, {}), Duration::max());
  EXPECT_EQ(time_left({}, {}), Duration::max());
}

}  // namespace
}  // namespace weir::service

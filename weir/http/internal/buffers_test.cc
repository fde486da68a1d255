#include "weir/http/internal/buffers.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace weir::http::internal {
namespace {

void expect_empty(const Heads& heads) {
  EXPECT_EQ(heads.request.method, "");
  EXPECT_EQ(heads.request.target, "");
  EXPECT_TRUE(heads.request.headers.empty());
  EXPECT_EQ(heads.reply.status, 200);
  EXPECT_TRUE(heads.reply.headers.empty());
}

// What one client asked is nothing to the next, not even in the log of a refusal that
// comes before any head.
TEST(Buffers, HeadsThatWereGivenBackTellNothingOfWhoHadThem) {
  std::unique_ptr<Heads> heads = take_heads();
  expect_empty(*heads);
  const Heads* const first = heads.get();
  heads->request = {.method = "HEAD", .target = "/secret"};
  heads->request.headers.add("Cookie", "secret");
  heads->reply.status = 403;
  heads->reply.headers.add("Set-Cookie", std::string(2 * kHeadBytesKept, 's'));
  give_back(std::move(heads));
  const std::unique_ptr<Heads> again = take_heads();
  EXPECT_EQ(again.get(), first) << "the same, or this shows nothing";
  expect_empty(*again);
}

}  // namespace
}  // namespace weir::http::internal

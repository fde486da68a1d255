#include "weir/http/internal/h2_client_session.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "weir/http/message.h"

namespace weir::http::internal {
namespace {

using namespace std::string_view_literals;

constexpr H2ClientSession::Limits kLimits{
    .response = {.head = Bytes{600}, .fields = 10, .target = Bytes{100}, .body = Bytes{5000}},
    .interim_max = 3,
    .stream_window = Bytes{2000},
    .connection_window = Bytes{65'535},
    .secure = false,
};
constexpr std::string_view kSettings = "\0\0\0\4\0\0\0\0\0"sv;
constexpr std::string_view kGoAway = "\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\0"sv;  // no stream was processed
constexpr Error kGone{.kind = ErrorKind::disconnected, .reason = Reason::reset, .where = "test"};

class H2ClientSessionTest : public ::testing::Test {
 protected:
  void open(H2ClientStream& stream) {
    const RequestHead head;
    const Outgoing request{.head = head, .authority = "test", .body = nullptr, .first_piece = {}};
    ASSERT_TRUE(session_.open(stream, request, 0));
  }
  void feed(std::string_view bytes) { ASSERT_TRUE(session_.feed(std::as_bytes(std::span(bytes)))); }
  void produce() {
    std::vector<std::byte> out;
    ASSERT_TRUE(session_.produce(out, 64 << 10));
  }

  H2ClientSession session_{kLimits};
};

TEST_F(H2ClientSessionTest, ARequestAfterAGoodbyeIsKnownToBeUnprocessed) {
  H2ClientStream stream;
  open(stream);
  feed(kSettings);
  feed(kGoAway);
  produce();
  EXPECT_TRUE(stream.never_processed);
  EXPECT_TRUE(stream.closed);
  session_.drop(stream, H2Drop::cancelled);
}

// What nghttp2 has still to say of them it says after they are gone: to nobody.
TEST_F(H2ClientSessionTest, StreamsMayGoOnceTheirConnectionHasFailed) {
  auto sent = std::make_unique<H2ClientStream>();
  open(*sent);
  feed(kSettings);
  produce();
  auto unsent = std::make_unique<H2ClientStream>();
  open(*unsent);
  feed(kGoAway);  // closes the first, and lets nothing of the second out
  session_.fail_all(kGone);
  for (auto* const stream : {&sent, &unsent}) {
    EXPECT_TRUE((*stream)->closed);
    EXPECT_TRUE((*stream)->error.has_value());
    session_.drop(**stream, H2Drop::cancelled);
    stream->reset();
  }
  produce();
}

}  // namespace
}  // namespace weir::http::internal

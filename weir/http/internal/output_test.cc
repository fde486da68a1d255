#include "weir/http/internal/output.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <utility>

#include "weir/core/limit.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"

namespace weir::http::internal {
namespace {

constexpr std::size_t kReply = 16 << 20;  // far more than the kernel takes at once
constexpr Duration kPatience = 30s;

// Moves when told to.
class ManualClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }
  void advance(Duration by) { now_ += by; }

 private:
  TimePoint now_{1h};
};

// A busy processor looks at its sockets every 61st task.
core::task<> let_timers_and_events_come() {
  for (int i = 0; i < 130; ++i) co_await core::yield();
}

// Sends a reply to a peer that takes what is there every `pause` of a clock that is
// moved by hand; what came of it.
class SlowPeer {
 public:
  Result<> take(Duration pause, std::uint64_t bytes_per_s_min) {
    EXPECT_TRUE(runtime_.run([&](core::Scope& root) -> core::task<> {
      std::array<int, 2> fds{};
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
      net::Socket near = net::Socket::adopt(fds[0], {}).value();
      net::Socket far = net::Socket::adopt(fds[1], {}).value();
      Counters counters;
      Shard shard(root.context(), counters);
      Output output(near, shard, {.patience = kPatience, .bytes_per_s_min = bytes_per_s_min});
      root.spawn(senders_.try_acquire().value(), send(output));
      std::array<std::byte, 4 << 10> buffer;
      while (!done_) {
        clock_.advance(pause);
        co_await let_timers_and_events_come();
        for (std::size_t got = 1; got > 0; taken_ += got) {
          got = far.try_read(buffer).value_or(std::nullopt).value_or(0);
        }
      }
    }));
    return outcome_;
  }
  std::size_t taken() const { return taken_; }

 private:
  core::task<> send(Output& output) {
    const std::string reply(kReply, 'x');
    outcome_ = co_await output.send(std::as_bytes(std::span(reply)));
    done_ = true;
  }

  ManualClock clock_;
  core::Runtime runtime_{{.processors = 1, .clock = &clock_}};
  core::Limit senders_{{.name = "senders", .limit = 1}};
  Result<> outcome_;
  std::size_t taken_ = 0;
  bool done_ = false;
};

TEST(Output, WaitsForAPeerThatTakesALittleNowAndThenWhereAnyProgressWillDo) {
  SlowPeer peer;
  EXPECT_TRUE(peer.take(20s, 0));
  EXPECT_EQ(peer.taken(), kReply);
}

TEST(Output, GivesUpAPeerThatIsSlowerThanAllowedThoughItNeverStops) {
  SlowPeer peer;
  const Result<> sent = peer.take(20s, 1 << 20);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().reason, Reason::timed_out);
  EXPECT_LT(peer.taken(), kReply / 2);
}

TEST(Output, WaitsForAPeerThatIsFastEnough) {
  SlowPeer peer;
  EXPECT_TRUE(peer.take(20s, 1 << 10));
  EXPECT_EQ(peer.taken(), kReply);
}

TEST(Output, GivesUpAPeerThatTakesNothingForTooLong) {
  SlowPeer peer;
  const Result<> sent = peer.take(kPatience + 1s, 0);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().reason, Reason::timed_out);
}

}  // namespace
}  // namespace weir::http::internal

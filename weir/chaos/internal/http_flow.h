// Requests and responses in the bytes of one connection: what is to be done
// with each piece of them. The bytes themselves stay as they came.
//
//   HttpFlow::Piece piece = flow.up(*faults, unparsed, now);     // the client's bytes
//   unparsed = unparsed.subspan(piece.bytes);
//   ... as piece.act says ...
//   while (auto reply = flow.own_reply()) ...                    // before the upstream's bytes
//   HttpFlow::Piece piece = flow.down(*faults, unparsed);
//
// A stream that is not HTTP, or no longer (after an upgrade), passes as it is:
// what to make of it is for the two ends to say.
//
// up() and down() are for one task each; they share what is expected under a lock.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "weir/chaos/internal/fault_set.h"
#include "weir/http/parser.h"

namespace weir::chaos::internal {

class HttpFlow {
 public:
  // Requests without a response so far; more are not read.
  static constexpr std::size_t kExpectedMax = 128;

  enum class Act : std::uint8_t {
    pass,      // with all that was withheld
    withhold,  // of a head that is not complete
    drop,      // with all that was withheld
    hang,      // like withhold; ask again, with what follows, when the event is over
    full,      // as many responses are expected as may be: ask again later. Nothing was consumed
    cut,       // pass, then close the connection
  };

  // All delays of one message, added up.
  struct Delaying {
    Duration asked{};
    std::size_t event = 0;         // of several, the one that began last
    FaultTally* record = nullptr;  // null: none
    bool alone = true;
    bool counted = false;  // a piece of the message has been
  };

  struct Piece {
    Act act;
    std::size_t bytes;  // of the input
    std::size_t hanging_event = 0;
  };

  // An answer of our own.
  struct Reply {
    std::string text;
    bool then_close;
  };

  HttpFlow();

  // The next piece of what the client sent, which is not empty.
  Piece up(const std::shared_ptr<const FaultSet>& set, std::span<const std::byte> input);
  // A reply that is due before anything else that the upstream sends.
  std::optional<Reply> own_reply();
  // The next piece of what the upstream sent.
  Piece down(const std::shared_ptr<const FaultSet>& set, std::span<const std::byte> input);

  // Of the message under way.
  Delaying& delaying(std::size_t way) { return delaying_[way]; }
  // True once, after an own_reply() came to be there or room for a request did.
  bool take_news_for_down() { return news_for_down_.exchange(false, std::memory_order_relaxed); }
  bool take_news_for_up() { return news_for_up_.exchange(false, std::memory_order_relaxed); }

 private:
  // What is to come down for one request.
  struct Expected {
    std::string method;
    std::optional<Reply> reply;  // of our own
    Delaying delaying;
    FaultTally* cut = nullptr;
    std::size_t cut_event = 0;
    std::uint64_t cut_after = 0;
  };

  Piece up_head(const std::shared_ptr<const FaultSet>& set, std::size_t bytes);
  Piece decide(const std::shared_ptr<const FaultSet>& set, std::size_t bytes);
  void expect(Expected expected);
  Piece down_head(const std::shared_ptr<const FaultSet>& set, std::size_t bytes);
  Piece down_body(const FaultSet& set, std::span<const std::byte> input, const http::Parser::Step& step);
  // The end of a message without more bytes is told by the next step.
  void end_request_if_whole();
  void end_response_if_whole();
  void end_response();
  void pop_expected_locked();
  void make_raw() { raw_.store(true, std::memory_order_relaxed); }

  http::RequestHead request_;
  http::Parser requests_;
  bool head_open_ = false;  // a part of one has been withheld
  bool dropping_ = false;
  // A head that hangs is complete, and was not decided on beyond that.
  bool hanging_ = false;

  http::ResponseHead response_;
  http::Parser responses_;
  std::optional<Expected> current_;  // whose response is under way
  bool response_open_ = false;       // its head is complete
  std::uint64_t body_bytes_ = 0;

  std::array<Delaying, 2> delaying_;  // each of its own direction's task
  // Relaxed: read by both directions, and each may see it a piece late: what
  // comes after an upgrade is then refused by its parser, which comes to the same.
  std::atomic<bool> raw_{false};
  // Replies of our own that are expected: none is looked for while there are
  // none. Relaxed: whoever is told by these rings the other's alarm, which orders.
  std::atomic<std::uint32_t> own_replies_{0};
  std::atomic<bool> news_for_down_{false};
  std::atomic<bool> news_for_up_{false};

  std::mutex lock_;
  std::deque<Expected> expected_;  // guarded by lock_
  bool up_waits_ = false;          // for room in it; guarded by lock_
};

}  // namespace weir::chaos::internal

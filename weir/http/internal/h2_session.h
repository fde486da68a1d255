// What an HTTP/2 client may do, and what is done about it: nghttp2's session
// with the rules of this server. Bytes in, streams that are ready for a handler
// and bytes out; it never waits. The link's mutex is held by whoever calls.
//
// nghttp2 sees to frames, header compression, flow control and most rules of
// messages. Against clients that keep to the letter and cost without end stand
// budgets here: resets, frames that ask for nothing, heads that do not end,
// replies that are not taken.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/core/limit.h"
#include "weir/http/internal/h2_budget.h"
#include "weir/http/internal/h2_frame_walk.h"
#include "weir/http/internal/h2_link.h"
#include "weir/http/internal/h2_reset_streams.h"
#include "weir/http/internal/h2_streams.h"

namespace weir::http::internal {

class H2Session {
 public:
  struct Ready {
    H2Stream* stream;
    core::Permit permit;
  };

  H2Session(H2Link& link, TimePoint now);
  ~H2Session();
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  // False: out of memory. Once, before all else.
  bool begin();
  // Every stream is cut off, and nothing more is sent.
  void end();

  void receive(std::span<const std::byte> bytes, TimePoint now);
  // Streams whose heads have come since it was last asked.
  std::vector<Ready>& ready() { return ready_; }
  // Appends what is to be sent, until `out` has about `bytes`. False: it broke.
  bool gather(std::string& out, std::size_t bytes);

  // Nothing more will be read or sent.
  bool is_over() const;
  bool wants_input() const;
  // No stream is open and no handler runs.
  bool is_idle() const { return link_.handlers == 0 && streams_.all_free(); }
  std::uint64_t requests() const { return requests_; }

  // Goes away in good order: says so, and from the second call on takes no
  // further stream. `round_trip_done`: what the client sent before it knew has come.
  void announce_end();
  void refuse_further();
  bool round_trip_done() const { return round_trip_done_; }
  // At once, with what is in flight.
  void terminate(Refusal refusal, std::uint32_t code);

  // What time alone brings about: a head that does not end, replies that are not taken.
  void sweep(TimePoint now);
  // When a head that has begun must have ended; kNever: none has.
  TimePoint head_deadline() const { return head_deadline_; }

 private:
  struct Callbacks;
  static const nghttp2_session_callbacks* callbacks();
  // Tells the acknowledgement of our own PING.
  static constexpr std::array<std::uint8_t, 8> kPing{'w', 'e', 'i', 'r', 'g', 'o', 'e', 's'};

  void on_frame_begins(const nghttp2_frame_hd& frame);
  void feed(std::span<const std::byte> bytes);
  bool may_be_out_of_order(const H2FrameWalk::Head& frame);
  void check_order(const H2FrameWalk::Head& frame);
  void on_head_begins(const nghttp2_frame& frame);
  void on_field(const nghttp2_frame& frame, std::string_view name, std::string_view value);
  void on_frame(const nghttp2_frame& frame);
  void on_request(H2Stream& stream, bool ends_stream);
  void on_sent(const nghttp2_frame& frame);
  void end_lingering(const H2Stream& stream);
  void reset(std::int32_t stream, std::uint32_t code);
  void spend(H2Budget& budget, Refusal refusal);
  void sweep_pace(TimePoint now);

  H2Link& link_;
  core::Limit tasks_;  // of handlers
  H2Streams streams_;
  std::vector<Ready> ready_;
  std::string* out_ = nullptr;  // while it gathers
  std::size_t out_max_ = 0;
  TimePoint now_;  // of the call
  H2Budget resets_;
  H2Budget idle_frames_;
  H2FrameWalk walk_;
  std::int32_t newest_ = 0;  // stream
  H2ResetStreams reset_streams_;
  TimePoint head_deadline_ = kNever;
  std::uint64_t requests_ = 0;
  std::uint64_t half_resets_earned_ = 0;
  bool head_broken_ = false;  // of the head that comes in: it is not kept
  bool round_trip_done_ = false;
  bool terminated_ = false;
  bool broken_ = false;
  TimePoint swept_;
  bool swept_unsent_ = false;
  Duration unsent_for_ = {};
};

}  // namespace weir::http::internal

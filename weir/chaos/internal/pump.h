// One direction of a connection: reads here, writes there, and does on the way
// what the connection's plight says.
//
//   Result<> ended = co_await pump.run(context);   // the stream's end was passed on
//
// Without a fault it is a read and a write for what arrives. A change of the
// plight is felt at once, whatever it waits for.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "weir/base/result.h"
#include "weir/chaos/internal/alarm.h"
#include "weir/chaos/internal/byte_ring.h"
#include "weir/chaos/internal/delay_line.h"
#include "weir/chaos/internal/fault_set.h"
#include "weir/chaos/internal/http_flow.h"
#include "weir/chaos/internal/pacer.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/net/socket.h"

namespace weir::chaos::internal {

// What the two directions of a connection share.
class Shared {
 public:
  virtual ~Shared() = default;
  // Any task or thread.
  virtual std::shared_ptr<const Plight> plight() = 0;
  virtual void count_bytes(std::size_t way, std::uint64_t bytes) = 0;
  // Of those counted, they did not pass.
  virtual void take_back_bytes(std::size_t way, std::uint64_t bytes) = 0;
  // That have passed both ways.
  virtual std::uint64_t bytes() const = 0;
  virtual Alarm& alarm_of(std::size_t way) = 0;
  virtual HttpFlow* http() = 0;  // null: of TCP
  // Counts what a fault was carried out on: each connection once.
  virtual void strike(FaultTally& record) = 0;
  // The connection ends when its pumps have: with a reset, or in good order.
  enum class Ending : std::uint8_t { closed, reset };
  virtual void end(Ending ending) = 0;
};

// Where the error comes from with which a pump ends when a fault ends the
// connection.
inline constexpr std::string_view kEndedByFault = "fault";

class Pump {
 public:
  struct Ends {
    net::Socket& from;
    net::Socket& to;
  };

  // `number`: the connection's.
  Pump(std::size_t way, Ends ends, Shared& shared, std::uint64_t number, Bytes buffer_max);
  ~Pump();
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;

  // Errors: those of the sockets; cancelled also when a fault has ended the
  // connection. Cancellation: what it holds is lost.
  core::task<Result<>> run(core::Context& context);

 private:
  // What to wait for.
  struct Next {
    enum class Kind : std::uint8_t { again, readable, writable, time, ended, failed } kind;
    TimePoint at = kNever;  // at the latest
    Error error = {};
  };

  void take_plight(TimePoint now);
  Next advance(TimePoint now);
  std::optional<Next> write_some(TimePoint now);
  std::optional<Next> finish_if_done(TimePoint now);
  std::optional<Next> read_some(TimePoint now);
  Next wait_for_more(TimePoint now) const;

  std::span<std::byte> room();
  void swallowed(std::size_t bytes);
  void arrived(std::size_t bytes, TimePoint now);
  // HTTP: what was read, as far as it can be told what is to be done with it.
  bool parse(TimePoint now);
  bool take_own_replies();
  void act_on(const HttpFlow::Piece& piece, TimePoint now);
  void hold(std::uint64_t begin, TimePoint now);
  void hold_message(std::uint64_t begin, TimePoint now);
  Duration draw_delay();
  void ended_stream(TimePoint now);
  void left(std::size_t bytes, TimePoint now);
  void settle_pace();

  const Plight::Way& faults() const { return plight_->ways[way_]; }
  std::uint64_t end_offset() const { return written_ + ring_.size(); }
  // Bytes that may not leave before what follows has come.
  std::uint64_t withheld_from() const { return end_offset() - withheld_; }
  bool reads() const { return !eof_ && !closing_ && unparsed_.empty() && !ring_.full() && !line_.full(); }
  Next end(Shared::Ending ending);

  const std::size_t way_;
  net::Socket& from_;
  net::Socket& to_;
  Shared& shared_;
  const std::uint64_t number_;
  Alarm& alarm_;
  HttpFlow* const http_;

  std::shared_ptr<const Plight> plight_;
  ByteRing ring_;
  DelayLine line_;
  Pacer pacer_;
  std::vector<FaultTally*> paced_by_;
  std::uint64_t written_ = 0;  // offset of the ring's first byte
  std::uint64_t pieces_ = 0;   // drawn delays, each with a number of its own
  bool drained_ = false;       // the last read left nothing
  bool eof_ = false;
  TimePoint eof_due_{};
  bool closing_ = false;  // after what is held, the connection is closed
  bool swallowed_ = false;

  // HTTP.
  std::vector<std::byte> input_;
  std::span<const std::byte> unparsed_;  // lies in input_
  std::size_t withheld_ = 0;             // the ring's last bytes
  std::optional<std::size_t> hangs_by_;
};

}  // namespace weir::chaos::internal

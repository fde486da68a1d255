#include "weir/chaos/internal/pump.h"

#include <algorithm>
#include <utility>

#include "weir/core/now.h"
#include "weir/core/sleep.h"

namespace weir::chaos::internal {
namespace {

// Reads and writes in a row before others get their turn.
constexpr unsigned kStepsInARow = 32;

// Room for what the proxy itself says.
constexpr std::size_t kOwnReplyMax = 4096;

// The last thing that uses an alarm's context, whose parent ends after it.
struct AlarmEnd {
  Alarm& alarm;
  ~AlarmEnd() { alarm.end(); }
};

}  // namespace

Pump::Pump(std::size_t way, Ends ends, Shared& shared, std::uint64_t number, Bytes buffer_max)
    : way_(way),
      from_(ends.from),
      to_(ends.to),
      shared_(shared),
      number_(number),
      alarm_(shared.alarm_of(way)),
      http_(shared.http()),
      ring_(buffer_max) {
  if (http_ != nullptr) input_.resize(ByteRing::kBytesMin / 2);
}

Pump::~Pump() { settle_pace(); }

core::task<Result<>> Pump::run(core::Context& context) {
  const AlarmEnd at_end{alarm_};
  unsigned steps = 0;
  for (;;) {
    const TimePoint now = core::now();
    if (alarm_.take(context)) take_plight(now);
    const Next next = advance(now);
    Result<> woken;
    switch (next.kind) {
      case Next::Kind::again:
        if (++steps % kStepsInARow == 0) co_await core::yield();
        continue;
      case Next::Kind::ended: co_return {};
      case Next::Kind::failed: co_return std::unexpected(next.error);
      case Next::Kind::readable:
        woken = co_await from_.readable(alarm_.context(), next.at);
        if (woken) drained_ = false;
        break;
      case Next::Kind::writable: woken = co_await to_.writable(alarm_.context(), next.at); break;
      case Next::Kind::time: woken = co_await core::sleep_until(alarm_.context(), next.at); break;
    }
    if (!woken && context.cancelled()) co_return woken;
  }
}

void Pump::take_plight(TimePoint now) {
  plight_ = shared_.plight();
  const FaultSet& set = *plight_->set;
  line_.release(now, [&set](std::size_t event) { return !set.has(event); });
  const bool delays = std::ranges::any_of(
      set.faults, [](const ActiveFault& f) { return std::holds_alternative<DelayFault>(f.said.fault); });
  if (!delays) eof_due_ = std::min(eof_due_, now);
  if (faults().bytes_per_s != pacer_.bytes_per_s()) {
    settle_pace();
    pacer_ = Pacer(faults().bytes_per_s);
  }
  paced_by_ = faults().paced_by;
}

Pump::Next Pump::advance(TimePoint now) {
  const Plight& plight = *plight_;
  if (now >= plight.reset_at || shared_.bytes() >= plight.reset_bytes) {
    shared_.strike(*plight.reset);
    return end(Shared::Ending::reset);
  }
  if (plight.partition != nullptr) {
    shared_.strike(*plight.partition);
    return {Next::Kind::time, plight.reset_at};
  }
  if (swallowed_ && faults().blackhole == nullptr) return end(Shared::Ending::reset);
  if (way_ == kDown && written_ >= plight.cut_at) {
    shared_.strike(*plight.cut);
    return end(Shared::Ending::closed);
  }
  if (http_ != nullptr && take_own_replies()) return {Next::Kind::again};
  if (auto next = write_some(now)) return *next;
  if (auto next = finish_if_done(now)) return *next;
  if (http_ != nullptr && parse(now)) return {Next::Kind::again};
  if (auto next = read_some(now)) return *next;
  return wait_for_more(now);
}

std::optional<Pump::Next> Pump::write_some(TimePoint now) {
  const std::uint64_t limit = way_ == kDown ? plight_->cut_at : UINT64_MAX;
  const std::uint64_t cleared = std::min({line_.cleared(now), withheld_from(), limit});
  if (ring_.size() == 0 || cleared <= written_) return std::nullopt;
  const std::size_t allowed = pacer_.allowance(now);
  if (allowed == 0) {
    for (FaultTally* record : paced_by_) shared_.strike(*record);
    return std::nullopt;
  }
  const auto bytes =
      static_cast<std::size_t>(std::min<std::uint64_t>({ring_.front().size(), cleared - written_, allowed}));
  // Counted before anybody can have them: a fault that somebody begins on seeing
  // them counts from there.
  shared_.count_bytes(way_, bytes);
  const auto sent = to_.try_write(ring_.front().first(bytes));
  shared_.take_back_bytes(way_, bytes - (sent ? sent->value_or(0) : 0));
  if (!sent) return Next{Next::Kind::failed, kNever, sent.error()};
  if (!sent->has_value()) {
    pacer_.interrupted();
    return Next{Next::Kind::writable, plight_->reset_at};
  }
  left(**sent, now);
  return Next{Next::Kind::again};
}

void Pump::left(std::size_t bytes, TimePoint now) {
  written_ += bytes;
  ring_.removed(bytes);
  if (pacer_.paces()) {
    for (FaultTally* record : paced_by_) record->count_bytes(bytes);
    const bool holds_more = ring_.size() > withheld_ && line_.cleared(now) > written_;
    pacer_.sent(now, bytes, holds_more || !drained_);
  }
  if (line_.empty()) return;
  const TimePoint after = core::now();
  line_.left(written_, [after](const DelayLine::Piece& piece) {
    piece.record->count_bytes(piece.end - piece.begin);
    if (!piece.counts) return;
    piece.record->count_late(after - piece.due);
    if (piece.alone) piece.record->count_delay(piece.asked, after - piece.arrived);
  });
}

std::optional<Pump::Next> Pump::finish_if_done(TimePoint now) {
  if (ring_.size() > 0) return std::nullopt;
  if (closing_) return end(Shared::Ending::closed);
  if (!eof_ || now < eof_due_) return std::nullopt;
  if (faults().blackhole != nullptr) {
    swallowed(0);
    return std::nullopt;
  }
  to_.shutdown_write();
  return Next{Next::Kind::ended};
}

std::optional<Pump::Next> Pump::read_some(TimePoint now) {
  if (!reads() || drained_) return std::nullopt;
  const std::span<std::byte> into = room();
  if (into.empty()) return std::nullopt;
  const auto read = from_.try_read(into);
  if (!read) return Next{Next::Kind::failed, kNever, read.error()};
  if (!read->has_value()) {
    drained_ = true;
    if (ring_.size() == 0) pacer_.interrupted();  // it is the sender who holds the stream up
    return std::nullopt;
  }
  const std::size_t bytes = **read;
  // After less than was asked for there is an event for what follows; the end
  // of the stream has been told already.
  drained_ = bytes > 0 && bytes < into.size();
  if (bytes == 0) {
    ended_stream(now);
  } else if (faults().blackhole != nullptr) {
    swallowed(bytes);
  } else {
    arrived(bytes, now);
  }
  return Next{Next::Kind::again};
}

std::span<std::byte> Pump::room() {
  if (http_ == nullptr) return ring_.room();
  return std::span(input_).first(std::min(input_.size(), ring_.free()));
}

void Pump::arrived(std::size_t bytes, TimePoint now) {
  if (http_ != nullptr) {
    unparsed_ = std::span(input_).first(bytes);
    static_cast<void>(parse(now));
    return;
  }
  const std::uint64_t begin = end_offset();
  ring_.added(bytes);
  hold(begin, now);
}

void Pump::swallowed(std::size_t bytes) {
  swallowed_ = true;
  shared_.strike(*faults().blackhole);
  faults().blackhole->count_bytes(bytes);
}

void Pump::ended_stream(TimePoint now) {
  eof_ = true;
  withheld_ = 0;  // nothing will complete it
  eof_due_ = line_.due_after(now, draw_delay());
}

Duration Pump::draw_delay() {
  Duration sum{};
  if (faults().delays.empty()) return sum;
  ++pieces_;
  for (const auto& [delay, event, record] : faults().delays) {
    const std::uint64_t seed = testing::seed_of(testing::seed_of(record->seed(), number_), way_);
    sum += delay->sample(pieces_, seed);
  }
  return sum;
}

void Pump::hold(std::uint64_t begin, TimePoint now) {
  const auto& delays = faults().delays;
  if (delays.empty()) return;
  for (const Plight::Delaying& delaying : delays) shared_.strike(*delaying.record);
  const Duration asked = draw_delay();
  line_.add({.begin = begin,
             .end = end_offset(),
             .arrived = now,
             .due = saturating_add(now, asked),
             .asked = asked,
             .event = delays.back().event,
             .record = delays.back().record,
             .alone = delays.size() == 1,
             .counts = true});
}

void Pump::hold_message(std::uint64_t begin, TimePoint now) {
  HttpFlow::Delaying& delaying = http_->delaying(way_);
  if (delaying.record == nullptr || begin == end_offset()) return;
  if (!plight_->set->has(delaying.event)) return;
  line_.add({.begin = begin,
             .end = end_offset(),
             .arrived = now,
             .due = saturating_add(now, delaying.asked),
             .asked = delaying.asked,
             .event = delaying.event,
             .record = delaying.record,
             .alone = delaying.alone,
             .counts = !std::exchange(delaying.counted, true)});
}

bool Pump::take_own_replies() {
  if (way_ != kDown || closing_ || ring_.free() < kOwnReplyMax) return false;
  std::optional<HttpFlow::Reply> reply = http_->own_reply();
  if (!reply) return false;
  ring_.append(std::as_bytes(std::span(reply->text)));
  closing_ = reply->then_close;
  if (http_->take_news_for_up()) shared_.alarm_of(kUp).ring();
  return true;
}

// True: something came of it.
bool Pump::parse(TimePoint now) {
  bool progress = false;
  while ((!unparsed_.empty() || hangs_by_) && !closing_) {
    if (hangs_by_ && plight_->set->has(*hangs_by_)) break;
    hangs_by_.reset();
    if (way_ == kDown && take_own_replies()) continue;
    const HttpFlow::Piece piece =
        way_ == kUp ? http_->up(plight_->set, unparsed_) : http_->down(plight_->set, unparsed_);
    if (way_ == kUp ? http_->take_news_for_down() : http_->take_news_for_up()) {
      shared_.alarm_of(1 - way_).ring();
    }
    if (piece.act == HttpFlow::Act::full) break;
    act_on(piece, now);
    progress = true;
  }
  return progress;
}

void Pump::act_on(const HttpFlow::Piece& piece, TimePoint now) {
  using Act = HttpFlow::Act;
  if (piece.act == Act::drop) {
    ring_.dropped(std::exchange(withheld_, 0));
  } else {
    ring_.append(unparsed_.first(piece.bytes));
    withheld_ += piece.bytes;
  }
  unparsed_ = unparsed_.subspan(piece.bytes);
  if (piece.act == Act::hang) hangs_by_ = piece.hanging_event;
  if (piece.act == Act::pass || piece.act == Act::cut) {
    const std::uint64_t begin = withheld_from();
    withheld_ = 0;
    hold_message(begin, now);
  }
  if (piece.act == Act::cut) {
    closing_ = true;
    unparsed_ = {};
  }
}

Pump::Next Pump::wait_for_more(TimePoint now) const {
  TimePoint at = plight_->reset_at;
  if (ring_.size() > 0) {
    if (line_.cleared(now) <= written_) {
      at = std::min(at, line_.next(now));
    } else if (pacer_.next() > now && withheld_from() > written_) {
      at = std::min(at, pacer_.next());
    }
  } else if (eof_ && eof_due_ > now) {
    at = std::min(at, eof_due_);
  }
  return {reads() ? Next::Kind::readable : Next::Kind::time, at};
}

Pump::Next Pump::end(Shared::Ending ending) {
  shared_.end(ending);
  return {Next::Kind::failed, kNever, {.kind = ErrorKind::cancelled, .where = kEndedByFault}};
}

void Pump::settle_pace() {
  for (FaultTally* record : paced_by_) record->count_paced(pacer_.bytes(), pacer_.time());
  pacer_ = Pacer(pacer_.bytes_per_s());
}

}  // namespace weir::chaos::internal

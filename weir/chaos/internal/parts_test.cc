// The parts of a proxy's pump, each alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "weir/chaos/internal/byte_ring.h"
#include "weir/chaos/internal/delay_line.h"
#include "weir/chaos/internal/fault_set.h"
#include "weir/chaos/internal/http_flow.h"
#include "weir/chaos/internal/pacer.h"

namespace weir::chaos::internal {
namespace {

constexpr TimePoint kStart{1h};

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string front_of(const ByteRing& ring) {
  return {reinterpret_cast<const char*>(ring.front().data()), ring.front().size()};
}

TEST(ByteRing, GivesBackWhatItTookInItsOrderAcrossItsEndAndItsGrowth) {
  ByteRing ring(Bytes{3 * ByteRing::kBytesMin});
  std::string expected;
  std::string seen;
  char next = 0;
  for (int round = 0; round < 200; ++round) {
    std::string piece(7'001, '\0');
    for (char& c : piece) c = next++;
    piece.resize(ring.append(bytes_of(piece)));
    expected += piece;
    const std::size_t part = std::min<std::size_t>(ring.front().size(), 6'007);
    seen += front_of(ring).substr(0, part);
    ring.removed(part);
  }
  while (ring.size() > 0) {
    seen += front_of(ring);
    ring.removed(ring.front().size());
  }
  EXPECT_TRUE(seen == expected);
}

TEST(ByteRing, HoldsItsMaximumAndNoMore) {
  ByteRing ring(Bytes{ByteRing::kBytesMin + 1});
  const std::string much(2 * ByteRing::kBytesMin, 'x');
  EXPECT_EQ(ring.append(bytes_of(much)), ByteRing::kBytesMin + 1);
  EXPECT_TRUE(ring.full());
  EXPECT_TRUE(ring.room().empty());
  ring.dropped(2);
  EXPECT_EQ(ring.free(), 2u);
}

DelayLine::Piece piece_of(std::uint64_t begin, std::uint64_t end, Duration due, std::size_t event = 0) {
  return {.begin = begin,
          .end = end,
          .arrived = kStart,
          .due = kStart + due,
          .asked = due,
          .event = event,
          .record = nullptr,
          .alone = true,
          .counts = true};
}

TEST(DelayLine, ClearsPiecesWhenTheyAreDueAndNeverBeforeThoseBeforeThem) {
  DelayLine line;
  EXPECT_EQ(line.cleared(kStart), UINT64_MAX);
  line.add(piece_of(10, 20, 5ms));
  line.add(piece_of(20, 30, 1ms));  // shorter, and behind
  EXPECT_EQ(line.cleared(kStart), 10u);
  EXPECT_EQ(line.cleared(kStart + 4ms), 10u);
  EXPECT_EQ(line.next(kStart), kStart + 5ms);
  EXPECT_EQ(line.cleared(kStart + 5ms), UINT64_MAX);
  EXPECT_EQ(line.due_after(kStart, 2ms), kStart + 5ms);
}

TEST(DelayLine, ReleasesWhatAnEndedEventHeldAndDoesNotCountIt) {
  DelayLine line;
  line.add(piece_of(0, 10, 1h, 1));
  line.add(piece_of(10, 20, 2h, 2));
  line.release(kStart + 1s, [](std::size_t event) { return event == 1; });
  EXPECT_EQ(line.cleared(kStart + 1s), 10u);
  std::vector<bool> counted;
  line.left(10, [&](const DelayLine::Piece& piece) { counted.push_back(piece.counts); });
  EXPECT_THAT(counted, ::testing::ElementsAre(false));
  EXPECT_FALSE(line.empty());
}

// A stream that is always ready, looked at every `step`.
std::uint64_t paced_for(Pacer& pacer, Duration length, Duration step) {
  std::uint64_t sent = 0;
  for (Duration at{}; at < length; at += step) {
    const std::size_t allowed = pacer.allowance(kStart + at);
    if (allowed == 0) continue;
    pacer.sent(kStart + at, allowed, true);
    sent += allowed;
  }
  return sent;
}

TEST(Pacer, KeepsTheRateHoweverOftenItIsAsked) {
  for (const Duration step : {Duration(1ms), Duration(3ms), Duration(11ms), Duration(31ms)}) {
    for (const double rate : {100.0, 50'000.0, 1e6, 1e9}) {
      Pacer pacer(rate);
      const auto sent = static_cast<double>(paced_for(pacer, 20s, step));
      EXPECT_NEAR(sent / 20, rate, 0.02 * rate) << milliseconds(step) << " ms";
      EXPECT_NEAR(static_cast<double>(pacer.bytes()) / seconds(pacer.time()), rate, 0.02 * rate);
    }
  }
}

TEST(Pacer, ShortStretchesHaveTheRateAsWell) {
  Pacer pacer(100'000);
  TimePoint now = kStart;
  for (int reply = 0; reply < 50; ++reply) {
    now += 1s;  // nothing was there to be sent
    for (std::size_t left = 1'300; left > 0;) {
      now = std::max(now, pacer.next());
      const std::size_t part = std::min(left, pacer.allowance(now));
      left -= part;
      pacer.sent(now, part, left > 0);
    }
  }
  EXPECT_NEAR(static_cast<double>(pacer.bytes()) / seconds(pacer.time()), 100'000, 100);
}

TEST(Pacer, MakesUpForNoPauseOfTheSender) {
  Pacer pacer(1e6);
  pacer.sent(kStart, 1000, false);
  const std::size_t later = pacer.allowance(kStart + 10s);
  EXPECT_LE(later, 5'000u) << "a quantum, and not what ten seconds would have carried";
  EXPECT_EQ(pacer.bytes(), 0u) << "nothing waited: there is no rate to speak of";
}

TEST(Plight, TakesTheNarrowestBandwidthAndTheEarliestReset) {
  FaultTally tally(1);
  auto set = std::make_shared<FaultSet>();
  std::vector<Struck> struck;
  const auto add = [&](Fault fault, bool hit) {
    const std::size_t event = set->faults.size();
    set->faults.push_back(
        {.event = event, .said = {.fault = std::move(fault)}, .since = kStart, .record = &tally});
    struck.push_back({.event = event, .hit = hit, .since = kStart, .bytes = 100, .bytes_down = 40});
  };
  add(BandwidthFault{.per_second = Bytes{1000}}, true);
  add(BandwidthFault{.per_second = Bytes{500}, .direction = Direction::down}, true);
  add(BandwidthFault{.per_second = Bytes{5}}, false);
  add(ResetFault{.after = {.time = 5s}}, true);
  add(ResetFault{.after = {.bytes = Bytes{10}}}, true);
  add(ResetFault{}, false);
  add(TruncateFault{.after = Bytes{2}}, true);
  const auto plight = plight_of(set, struck);
  EXPECT_EQ(plight->ways[kUp].bytes_per_s, 1000);
  EXPECT_EQ(plight->ways[kDown].bytes_per_s, 500);
  EXPECT_EQ(plight->reset_at, kStart + 5s);
  EXPECT_EQ(plight->reset_bytes, 110u);
  EXPECT_EQ(plight->cut_at, 42u);
  EXPECT_EQ(plight->refuse, nullptr);
}

// Whatever pieces a stream comes in, the same bytes pass.
TEST(HttpFlow, WhereAStreamIsCutMakesNoDifference) {
  const std::string requests =
      "GET /a HTTP/1.1\r\nHost: h\r\n\r\nPOST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
      "GET /c HTTP/1.1\r\nHost: h\r\n\r\n";
  for (std::size_t cut = 1; cut < requests.size(); ++cut) {
    FaultTally tally(1);
    auto set = std::make_shared<FaultSet>();
    set->faults.push_back({.event = 0,
                           .said = {.fault = StatusFault{.status = 503, .match = {.method = "POST"}}},
                           .since = kStart,
                           .record = &tally});
    HttpFlow flow;
    std::string passed;
    std::string withheld;
    for (std::string_view rest :
         {std::string_view(requests).substr(0, cut), std::string_view(requests).substr(cut)}) {
      while (!rest.empty()) {
        const HttpFlow::Piece piece = flow.up(set, bytes_of(rest));
        withheld += piece.act == HttpFlow::Act::drop ? "" : rest.substr(0, piece.bytes);
        rest.remove_prefix(piece.bytes);
        if (piece.act == HttpFlow::Act::pass) passed += withheld;
        if (piece.act != HttpFlow::Act::withhold) withheld.clear();
      }
    }
    EXPECT_EQ(passed, "GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /c HTTP/1.1\r\nHost: h\r\n\r\n") << cut;
    EXPECT_EQ(tally.figures().done, 1u);
  }
}

}  // namespace
}  // namespace weir::chaos::internal

// An upstream to try the gateway on: it answers every path, as slowly, as
// largely and as unreliably as the query asks.
//
//   /demo?ms=20          answers after 20 ms (at most 60,000)
//   /demo?ms=20&spread=exponential  the same on average, exponentially distributed:
//                        with a capacity it is the queue M/M/c of the textbooks
//   /demo?bytes=1024     with so many bytes of payload (at most 64 MiB)
//   /demo?fail=0.1       fails one request in ten, at random, with 500
//   /demo?capacity=50    serves so many requests at a time; others wait for
//                        their turn (at most 100,000; it stays until changed)
//
// An unknown or malformed parameter is answered with 400 that names it.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "weir/base/clock.h"
#include "weir/base/units.h"
#include "weir/core/limit.h"
#include "weir/http/server.h"
#include "weir/testing/faults.h"

namespace weir::service {

struct DemoPlan {
  Duration latency = {};       // 0: at once
  bool exponential = false;    // `latency` is the mean
  Bytes payload = {};          // 0: an empty body
  double failure_rate = 0;     // of 1
  std::uint64_t capacity = 0;  // 0: as it was
};

// The error is a sentence for the client.
std::expected<DemoPlan, std::string> parse_demo_plan(std::string_view target);

class DemoUpstream final : public http::Handler {
 public:
  DemoUpstream();
  core::task<void> handle(http::Exchange& exchange) override;

  // "demo.answer": a request that has its turn. `disconnected` closes its connection
  // without an answer, `overloaded` is a 503, every other error a 500.
  testing::FaultPoint& answer_point() { return answer_point_; }

 private:
  core::task<void> answer(http::Exchange& exchange, const DemoPlan& plan);
  core::task<void> fail_as_told(http::Exchange& exchange, const Error& error);

  core::Limit capacity_;
  std::atomic<std::uint64_t> requests_{0};  // relaxed: the seeds of what is random in them
  testing::FaultPoint answer_point_{"demo.answer"};
};

}  // namespace weir::service

// `weir serve` on a bounds file of a test's, on free ports, and what its admin
// pages say of it.
//
//   GatewayProcess gateway({.upstreams = {{"good", upstream.address()}}});
//   EXPECT_EQ(ask_once(gateway.address(), get("/good/")).status, 200);
//   EXPECT_EQ(gateway.requests("good", "forwarded"), 1);
//
// At the end it drains, and the test fails where that does not end with 0: in a
// build with sanitizers that is where what they found comes out.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/integration/bounds_file.h"
#include "tests/integration/process.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/temporary_file.h"
#include "weir/base/clock.h"
#include "weir/net/address.h"

namespace weir::testing {

// Longer than anything a right program takes, sanitizers and a busy machine
// included; what is waited for comes much sooner.
inline constexpr Duration kPatience = 20s;

// Calls `holds` until it is true; false when it is not within the patience.
// What it calls should take its time: a page of the gateway's, say.
bool becomes_true(const std::function<bool()>& holds);

// One line of /debug/bounds.
struct BoundLine {
  std::uint64_t limit = 0;
  std::uint64_t in_use = 0;
  std::uint64_t peak = 0;
  std::uint64_t queue_depth = 0;
  std::uint64_t admitted = 0;
  std::uint64_t refused_total = 0;
};

class GatewayProcess {
 public:
  // Returns once it accepts requests. CHECKs that it does.
  explicit GatewayProcess(const BoundsFile& file) : GatewayProcess(file.text()) {}
  explicit GatewayProcess(const std::string& bounds_yaml, const std::vector<std::string>& more_words = {});
  ~GatewayProcess();

  const net::SocketAddress& address() const { return address_; }
  const net::SocketAddress& admin() const { return admin_; }
  Process& process() { return process_; }

  // Its bounds file is another from now on; nobody is told.
  void rewrite(const std::string& bounds_yaml) const { file_.write(bounds_yaml); }

  // SIGTERM, and its exit code.
  std::optional<int> drain();

  // A page of the admin port.
  Reply page(std::string_view target, std::string_view fields = {}) const;
  BoundLine bound(std::string_view name) const;
  // A sample of /metrics, named with its labels as it stands there:
  // `weir_requests_total{upstream="good",outcome="forwarded"}`. nullopt: there
  // is none.
  std::optional<double> metric(std::string_view sample) const;
  // weir_requests_total.
  double requests(std::string_view upstream, std::string_view outcome) const;

  // The counter says so within the patience: replies may arrive before they are
  // counted.
  ::testing::AssertionResult counts(std::string_view upstream, std::string_view outcome, double number) const;
  // No bound for requests has anything in use or waiting, within the patience.
  ::testing::AssertionResult falls_idle() const;

 private:
  TemporaryFile file_;
  Process process_;
  net::SocketAddress address_;
  net::SocketAddress admin_;
};

// Another route of the same gateway, asked for again and again by a client of
// its own, to see that it does not notice what happens beside it.
class Bystander {
 public:
  Bystander(const net::SocketAddress& gateway, std::string target);
  ~Bystander();
  Bystander(const Bystander&) = delete;
  Bystander& operator=(const Bystander&) = delete;

  // Ends it: every request was answered with 200 and a whole body, on one
  // connection, and there was at least one since the last call of mark().
  ::testing::AssertionResult noticed_nothing();
  // Returns when one more request has been answered from begin to end.
  void mark();

 private:
  void run(const net::SocketAddress& gateway, const std::string& target);

  std::atomic<bool> stopping_{false};
  std::mutex lock_;  // guards all below
  std::condition_variable changed_;
  std::uint64_t answered_ = 0;
  std::uint64_t marked_ = 0;
  std::string complaint_;
  std::thread thread_;
};

}  // namespace weir::testing

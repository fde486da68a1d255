// The universal scalability law (Gunther, "Guerrilla Capacity Planning", 2007):
// how throughput follows from how much is done at once,
//
//   X(N) = lambda N / (1 + sigma (N - 1) + kappa N (N - 1))
//
// with what one alone achieves, the share that waits in line (contention), and
// what agreeing costs (coherence, which makes throughput fall again).
//
// Functions of their arguments; callable from any thread.
#pragma once

#include <optional>
#include <span>

namespace weir::load {

struct ScalabilityPoint {
  double concurrency = 0;  // N: requests in the server at once, on average
  double throughput = 0;   // X: a second
};

struct Scalability {
  double lambda = 0;  // a second, of one at a time
  double sigma = 0;   // 0 to 1
  double kappa = 0;
  double r_squared = 0;  // how much of the throughput's variation it explains

  double throughput(double concurrency) const;
  // Where throughput is highest; nullopt: it grows without end.
  std::optional<double> best_concurrency() const;
  // The throughput there, or what it grows towards; nullopt: without end.
  std::optional<double> most() const;
};

// The law closest to the points, by least squares of N/X; sigma and kappa are
// never below 0. nullopt: fewer than three points of different concurrency.
std::optional<Scalability> fit_scalability(std::span<const ScalabilityPoint> points);

}  // namespace weir::load

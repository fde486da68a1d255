// How many arrivals a second are asked for, over the time of a run: pieces in
// which the rate stays or changes evenly.
//
//   "1000"               for the whole run
//   "100..1000"          from 100 to 1,000 over the whole run
//   "100,200,400"        steps of equal length
//   "100x30s,100..800x1m" pieces with lengths of their own, which make the run
//
// A plain value; callable from any thread.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/clock.h"

namespace weir::load {

class RateProfile {
 public:
  struct Piece {
    double from = 0;  // a second, when it begins
    double to = 0;    // when it ends
    Duration length{};

    bool operator==(const Piece&) const = default;
  };

  static constexpr double kRateMax = 10e6;
  static constexpr Duration kLengthMax = 24h;
  static constexpr std::size_t kPiecesMax = 1000;

  // `length`: of the run, where the pieces have none of their own. Error: text
  // that says which piece is wrong and why.
  static std::expected<RateProfile, std::string> parse(std::string_view text, Duration length);
  static RateProfile constant(double rate, Duration length);

  Duration length() const { return length_; }
  // Expected over the whole run, and by an instant of it.
  double arrivals() const { return arrivals_; }
  double arrivals_by(Duration offset) const;
  // When so many have arrived, at most arrivals(): the inverse of arrivals_by().
  Duration when(double count) const;
  double rate_at(Duration offset) const;

  const std::vector<Piece>& pieces() const { return pieces_; }

 private:
  explicit RateProfile(std::vector<Piece> pieces);

  struct Begin {
    Duration at;
    double arrivals;  // before it
  };

  std::vector<Piece> pieces_;
  std::vector<Begin> begins_;  // of each
  Duration length_{};
  double arrivals_ = 0;
};

}  // namespace weir::load

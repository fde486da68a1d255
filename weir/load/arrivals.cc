#include "weir/load/arrivals.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

#include "weir/base/units.h"

namespace weir::load {
namespace {

constexpr std::size_t kRecordedMax = 100'000'000;

// Sums of pieces are not exact: less than this is no arrival.
constexpr double kRounding = 1e-6;

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::optional<Duration> parse_instant(std::string_view text) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) return parse_duration(text);
  if (!(seconds >= 0) || seconds > weir::seconds(RateProfile::kLengthMax)) {
    return std::nullopt;
  }
  return Duration(std::llround(seconds * 1e9));
}

}  // namespace

Arrivals::Arrivals(RateProfile profile, Spacing spacing, std::uint64_t seed)
    : profile_(std::make_shared<const RateProfile>(std::move(profile))),
      spacing_(spacing),
      rng_(seed),
      length_(profile_->length()) {}

Arrivals::Arrivals(RecordedArrivals recorded)
    : recorded_(std::make_shared<const RecordedArrivals>(std::move(recorded))),
      rng_(0),
      length_(recorded_->empty() ? Duration{} : recorded_->back()) {}

std::optional<Duration> Arrivals::next() {
  if (recorded_) return next_recorded();
  const double before_end = profile_->arrivals() - kRounding;
  double at = 0;
  if (spacing_ == Spacing::even) {
    at = static_cast<double>(taken_);
  } else {
    // Exponential gaps on a scale where one arrival is expected in each unit.
    at = position_ -= std::log1p(-uniform(rng_));
  }
  if (at > before_end) return std::nullopt;
  ++taken_;
  return profile_->when(at);
}

std::optional<Duration> Arrivals::next_recorded() {
  if (taken_ == recorded_->size()) return std::nullopt;
  return (*recorded_)[taken_++];
}

double Arrivals::expected() const {
  if (recorded_) return static_cast<double>(recorded_->size());
  if (spacing_ == Spacing::poisson) return profile_->arrivals();
  return std::ceil(profile_->arrivals() - kRounding);
}

double Arrivals::most_within(Duration stretch) const {
  if (profile_) {
    double rate = 0;
    for (const RateProfile::Piece& piece : profile_->pieces()) rate = std::max({rate, piece.from, piece.to});
    return rate * seconds(stretch);
  }
  std::size_t most = 0;
  for (std::size_t first = 0, last = 0; last < recorded_->size(); ++last) {
    while ((*recorded_)[last] - (*recorded_)[first] >= stretch) ++first;
    most = std::max(most, last - first + 1);
  }
  return static_cast<double>(most);
}

std::expected<RecordedArrivals, std::string> read_arrivals(std::istream& in) {
  RecordedArrivals recorded;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    const std::string_view text = trimmed(line);
    if (text.empty() || text.front() == '#') continue;
    const auto wrong = [&](const std::string& what) {
      return std::unexpected("line " + std::to_string(number) + ": " + what);
    };
    const std::optional<Duration> at = parse_instant(text);
    if (!at || *at > RateProfile::kLengthMax) {
      return wrong("\"" + std::string(text.substr(0, 40)) + "\" is no instant in seconds, at most 24h");
    }
    if (!recorded.empty() && *at < recorded.back()) return wrong("is earlier than the one before it");
    if (recorded.size() == kRecordedMax) return wrong("is one more than the 100000000 there may be");
    recorded.push_back(*at);
  }
  if (recorded.empty()) return std::unexpected("there is no instant in it");
  return recorded;
}

}  // namespace weir::load

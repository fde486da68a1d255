#include "weir/load/rate_profile.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "weir/base/units.h"

namespace weir::load {
namespace {

Duration of_seconds(double seconds) { return Duration(static_cast<Duration::rep>(seconds * 1e9)); }

double arrivals_of(const RateProfile::Piece& piece) {
  return (piece.from + piece.to) / 2 * seconds(piece.length);
}

std::optional<double> parse_rate(std::string_view text) {
  double rate = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || !(rate >= 0) || rate > RateProfile::kRateMax) return std::nullopt;
  return rate;
}

// What stands before and behind the first `mark`; no second where there is none.
std::pair<std::string_view, std::optional<std::string_view>> split(std::string_view text,
                                                                   std::string_view mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return {text, std::nullopt};
  return {text.substr(0, at), text.substr(at + mark.size())};
}

// A length of 0 where it has none of its own.
std::expected<RateProfile::Piece, std::string> parse_piece(std::string_view text) {
  const auto wrong = [text](std::string_view what) {
    return std::unexpected("\"" + std::string(text) + "\" " + std::string(what));
  };
  RateProfile::Piece piece;
  const auto [rates, length] = split(text, "x");
  if (length) {
    const std::optional<Duration> parsed = parse_duration(*length);
    if (!parsed || *parsed <= Duration::zero()) return wrong("does not end with a time, as in 100x30s");
    piece.length = *parsed;
  }
  const auto [first, second] = split(rates, "..");
  const std::optional<double> from = parse_rate(first);
  const std::optional<double> to = second ? parse_rate(*second) : from;
  if (!from || !to) return wrong("is no rate from 0 to 10000000 a second, nor two as in 100..1000");
  piece.from = *from;
  piece.to = *to;
  return piece;
}

}  // namespace

std::expected<RateProfile, std::string> RateProfile::parse(std::string_view text, Duration length) {
  std::vector<Piece> pieces;
  std::size_t without_length = 0;
  for (std::optional<std::string_view> rest = text; rest;) {
    const auto [first, behind] = split(*rest, ",");
    const auto piece = parse_piece(first);
    if (!piece) return std::unexpected(piece.error());
    if (pieces.size() == kPiecesMax) return std::unexpected("a rate has at most 1000 pieces");
    if (piece->length == Duration::zero()) ++without_length;
    pieces.push_back(*piece);
    rest = behind;
  }
  if (without_length != 0 && without_length != pieces.size()) {
    return std::unexpected("either every piece of a rate has a length (100x30s) or none has");
  }
  Duration whole{};
  for (Piece& piece : pieces) {
    if (without_length != 0) piece.length = length / static_cast<Duration::rep>(pieces.size());
    whole += std::min(piece.length, kLengthMax);
    if (whole > kLengthMax) return std::unexpected("a run lasts at most 24h");
  }
  RateProfile profile(std::move(pieces));
  if (profile.arrivals() < 1) return std::unexpected("not one request would be sent at this rate");
  return profile;
}

RateProfile RateProfile::constant(double rate, Duration length) {
  return RateProfile({{.from = rate, .to = rate, .length = length}});
}

RateProfile::RateProfile(std::vector<Piece> pieces) : pieces_(std::move(pieces)) {
  for (const Piece& piece : pieces_) {
    begins_.push_back({.at = length_, .arrivals = arrivals_});
    length_ += piece.length;
    arrivals_ += arrivals_of(piece);
  }
}

double RateProfile::arrivals_by(Duration offset) const {
  if (offset <= Duration::zero()) return 0;
  if (offset >= length_) return arrivals_;
  const auto after = std::ranges::upper_bound(begins_, offset, {}, &Begin::at);
  const auto index = static_cast<std::size_t>(after - begins_.begin()) - 1;
  const Piece& piece = pieces_[index];
  const double into = seconds(offset - begins_[index].at);
  const double slope = (piece.to - piece.from) / seconds(piece.length);
  return begins_[index].arrivals + into * (piece.from + slope * into / 2);
}

Duration RateProfile::when(double count) const {
  // The last piece that begins with no more than `count`: pieces without
  // arrivals are passed over.
  const auto after = std::ranges::upper_bound(begins_, count, {}, &Begin::arrivals);
  const auto index = static_cast<std::size_t>(after - begins_.begin()) - 1;
  const Piece& piece = pieces_[index];
  const double wanted = count - begins_[index].arrivals;
  if (wanted <= 0) return begins_[index].at;
  const double slope = (piece.to - piece.from) / seconds(piece.length);
  // from * t + slope * t^2 / 2 = wanted, in the form that does not cancel.
  const double root = std::sqrt(std::max(piece.from * piece.from + 2 * slope * wanted, 0.0));
  const Duration into = of_seconds(2 * wanted / (piece.from + root));
  return begins_[index].at + std::min(into, piece.length);
}

double RateProfile::rate_at(Duration offset) const {
  if (offset < Duration::zero() || offset >= length_) return 0;
  const auto after = std::ranges::upper_bound(begins_, offset, {}, &Begin::at);
  const auto index = static_cast<std::size_t>(after - begins_.begin()) - 1;
  const Piece& piece = pieces_[index];
  const double part = seconds(offset - begins_[index].at) / seconds(piece.length);
  return piece.from + (piece.to - piece.from) * part;
}

}  // namespace weir::load

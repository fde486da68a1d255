#include "weir/http/http_date.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

namespace weir::http {
namespace {

using std::chrono::day;
using std::chrono::month;
using std::chrono::year;
using std::chrono::year_month_day;

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Takes pieces from the front; once one was not there, nothing is.
class Pieces {
 public:
  explicit Pieces(std::string_view text) : text_(text) {}

  void literal(std::string_view expected) {
    ok_ = ok_ && text_.starts_with(expected);
    if (ok_) text_.remove_prefix(expected.size());
  }
  // Exactly `digits`; the first may be a blank where `padded`.
  unsigned number(std::size_t digits, bool padded = false) {
    unsigned value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      const char c = i < text_.size() ? text_[i] : '\0';
      if (c == ' ' && padded && i == 0) continue;
      ok_ = ok_ && c >= '0' && c <= '9';
      value = value * 10 + static_cast<unsigned>(c - '0');
    }
    if (ok_) text_.remove_prefix(digits);
    return value;
  }
  unsigned month() {
    for (std::size_t i = 0; i < kMonths.size(); ++i) {
      if (!text_.starts_with(kMonths[i])) continue;
      text_.remove_prefix(kMonths[i].size());
      return static_cast<unsigned>(i + 1);
    }
    ok_ = false;
    return 0;
  }
  // The name of a day, of any length.
  void word() {
    const std::size_t size = std::min(text_.find_first_of(", "), text_.size());
    ok_ = ok_ && size >= 3 && size <= 9;
    if (ok_) text_.remove_prefix(size);
  }
  bool done() const { return ok_ && text_.empty(); }

 private:
  std::string_view text_;
  bool ok_ = true;
};

struct Clock {
  unsigned hour, minute, second;
};

Clock clock_of(Pieces& pieces) {
  Clock clock{};
  clock.hour = pieces.number(2);
  pieces.literal(":");
  clock.minute = pieces.number(2);
  pieces.literal(":");
  clock.second = pieces.number(2);
  return clock;
}

std::optional<Seconds> instant(const Pieces& pieces, int y, unsigned m, unsigned d, const Clock& clock) {
  if (!pieces.done()) return std::nullopt;
  const year_month_day date{year(y), month(m), day(d)};
  // 60 is a leap second; it is taken for the one before.
  if (!date.ok() || clock.hour > 23 || clock.minute > 59 || clock.second > 60) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(clock.hour) + std::chrono::minutes(clock.minute) +
         std::chrono::seconds(std::min(clock.second, 59u));
}

std::optional<Seconds> parse_fixed(std::string_view text) {
  Pieces pieces(text);
  pieces.word();
  pieces.literal(", ");
  const unsigned d = pieces.number(2);
  pieces.literal(" ");
  const unsigned m = pieces.month();
  pieces.literal(" ");
  const unsigned y = pieces.number(4);
  pieces.literal(" ");
  const Clock clock = clock_of(pieces);
  pieces.literal(" GMT");
  return instant(pieces, static_cast<int>(y), m, d, clock);
}

std::optional<Seconds> parse_rfc_850(std::string_view text) {
  Pieces pieces(text);
  pieces.word();
  pieces.literal(", ");
  const unsigned d = pieces.number(2);
  pieces.literal("-");
  const unsigned m = pieces.month();
  pieces.literal("-");
  const unsigned two = pieces.number(2);
  pieces.literal(" ");
  const Clock clock = clock_of(pieces);
  pieces.literal(" GMT");
  const auto today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  const int this_year = static_cast<int>(year_month_day(today).year());
  int y = this_year / 100 * 100 + static_cast<int>(two);
  if (y > this_year + 50) y -= 100;
  return instant(pieces, y, m, d, clock);
}

std::optional<Seconds> parse_asctime(std::string_view text) {
  Pieces pieces(text);
  pieces.word();
  pieces.literal(" ");
  const unsigned m = pieces.month();
  pieces.literal(" ");
  const unsigned d = pieces.number(2, true);
  pieces.literal(" ");
  const Clock clock = clock_of(pieces);
  pieces.literal(" ");
  const unsigned y = pieces.number(4);
  return instant(pieces, static_cast<int>(y), m, d, clock);
}

}  // namespace

std::string to_http_date(Seconds time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const year_month_day date(days);
  const std::chrono::hh_mm_ss clock(time - days);
  std::array<char, 48> text{};
  const int size =
      std::snprintf(text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
                    kDays[std::chrono::weekday(days).c_encoding()].data(), static_cast<unsigned>(date.day()),
                    kMonths[static_cast<unsigned>(date.month()) - 1].data(), static_cast<int>(date.year()),
                    static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                    static_cast<int>(clock.seconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

std::optional<Seconds> parse_http_date(std::string_view text) {
  if (const auto fixed = parse_fixed(text)) return fixed;
  if (const auto old = parse_rfc_850(text)) return old;
  return parse_asctime(text);
}

}  // namespace weir::http

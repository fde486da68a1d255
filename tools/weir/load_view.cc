#include "tools/weir/load_view.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "tools/weir/load_report.h"
#include "tools/weir/numbers.h"
#include "tools/weir/terminal.h"

namespace weir::tools {

using load::LoadInterval;

namespace {

constexpr std::size_t kLines = 7;
constexpr std::size_t kColumnsDefault = 80;
constexpr std::array<std::string_view, 8> kBars{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

std::size_t columns_of(std::FILE* stream) {
  winsize size{};
  if (::ioctl(fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kColumnsDefault;
  return size.ws_col;
}

std::string rate_text(std::uint64_t count, Duration span) {
  const double rate = static_cast<double>(count) / std::max(seconds(span), 1e-9);
  return with_commas(static_cast<std::uint64_t>(std::llround(rate)));
}

// Of a share of the time, as wide as asked.
std::string bar(double share, std::size_t width) {
  const auto full = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * static_cast<double>(width));
  std::string text;
  for (std::size_t i = 0; i < width; ++i) text += i < full ? "█" : "░";
  return text;
}

// A character for each interval, on a logarithmic scale from the least to the
// greatest of them.
std::string sparkline(const std::deque<LoadInterval>& history, std::size_t width) {
  const std::size_t first = history.size() - std::min(history.size(), width);
  const auto value = [](const LoadInterval& interval) {
    return std::log(std::max(milliseconds(interval.p99), 1e-3));
  };
  double low = value(history[first]);
  double high = low;
  for (std::size_t i = first; i < history.size(); ++i) {
    low = std::min(low, value(history[i]));
    high = std::max(high, value(history[i]));
  }
  std::string text;
  for (std::size_t i = first; i < history.size(); ++i) {
    const double share = high > low ? (value(history[i]) - low) / (high - low) : 0;
    text += kBars[std::min(static_cast<std::size_t>(share * kBars.size()), kBars.size() - 1)];
  }
  return text;
}

}  // namespace

LoadView::LoadView(std::FILE* stream, std::string title, Duration planned, bool open)
    : stream_(stream), title_(std::move(title)), planned_(planned), open_(open), terminal_(redraws(stream)) {}

void LoadView::add(const LoadInterval& interval) {
  history_.push_back(interval);
  history_.back().buckets.clear();
  if (history_.size() > kHistoryMax) history_.pop_front();
  due_ += interval.due;
  not_sent_ += interval.not_sent;
  for (std::size_t i = 0; i < ended_.size(); ++i) ended_[i] += interval.ended[i];
}

void LoadView::show(const LoadInterval& interval) {
  add(interval);
  // Shorter ones are too many to be read.
  if (interval.at < shown_until_ + 1s && interval.at < planned_ && shown_until_ > Duration::zero()) return;
  shown_until_ = interval.at;
  if (!terminal_) {
    std::fprintf(stream_, "%s\n", load_progress_line(interval, planned_).c_str());
    return;
  }
  std::string drawing;
  if (std::exchange(drawn_, true)) drawing = fmt::format("\x1b[{}A", kLines);
  drawing += panel(columns_of(stream_));
  std::fputs(drawing.c_str(), stream_);
  std::fflush(stream_);
}

std::string LoadView::panel(std::size_t columns) const {
  // Each line ends what is left of the one drawn before it.
  constexpr std::string_view kEnd = "\x1b[K\n";
  const LoadInterval& last = history_.back();
  const Duration left = std::max(planned_ - last.at, Duration::zero());
  const std::string times = fmt::format(" {:.0f} s of {:.0f} s, {:.0f} s left{}", seconds(last.at),
                                        seconds(planned_), seconds(left), last.warm_up ? " (warm-up)" : "");
  const std::size_t bar_width =
      columns > times.size() + 10 ? std::min<std::size_t>(columns - times.size(), 40) : 10;
  std::string text;
  const auto drawing = [&](const std::string& content) { text.append(content).append(kEnd); };
  // A line that breaks would put the next drawing in the wrong place.
  const auto line = [&](const std::string& content) { drawing(content.substr(0, columns)); };
  line(title_);
  drawing(bar(seconds(last.at) / std::max(seconds(planned_), 1e-9), bar_width) + times);
  line(fmt::format("{:11}{:>12}/s  sent {:>12}/s  in flight {:>9}", open_ ? "due" : "asked",
                   rate_text(last.due, last.span), rate_text(last.sent, last.span),
                   with_commas(last.inflight)));
  line(fmt::format("{:11}{:>12}/s  refused {:>9}/s  failed {:>10}/s", "good",
                   rate_text(last.ended[0], last.span), rate_text(last.ended[1], last.span),
                   rate_text(last.ended[2], last.span)));
  line(fmt::format("{:11}{:>12}    refused {:>9}    failed {:>10}{}", "so far", with_commas(ended_[0]),
                   with_commas(ended_[1]), with_commas(ended_[2]),
                   not_sent_ == 0 ? "" : fmt::format("  not sent {}", with_commas(not_sent_))));
  line(fmt::format("{:11}p50 {:>10}  p90 {:>9}  p99 {:>9}  max {:>9}", "latency", short_time(last.p50),
                   short_time(last.p90), short_time(last.p99), short_time(last.max)));
  drawing(fmt::format("{:11}{}", "p99", sparkline(history_, std::max<std::size_t>(columns, 12) - 12)));
  return text;
}

}  // namespace weir::tools

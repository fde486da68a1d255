#include "weir/http/event_stream.h"

#include <algorithm>

namespace weir::http {
namespace {

constexpr std::string_view kLineEnds = "\r\n";

// A line for each of `text`, which has at least one.
void append_lines(std::string_view field, std::string_view text, std::string& out) {
  for (;;) {
    const std::size_t end = std::min(text.find_first_of(kLineEnds), text.size());
    out.append(field).append(": ").append(text.substr(0, end)).append("\n");
    if (end == text.size()) return;
    text.remove_prefix(text.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
}

}  // namespace

core::task<Result<>> EventStream::begin() {
  ResponseHead& head = exchange_.reply_head();
  head.headers.add("Content-Type", "text/event-stream");
  head.headers.add("Cache-Control", "no-store");
  head.headers.add("X-Accel-Buffering", "no");  // nginx holds replies back without it
  if (const Result<> begun = co_await exchange_.start(head, BodyLength::chunked()); !begun) co_return begun;
  co_return co_await exchange_.flush();
}

core::task<Result<>> EventStream::send(ServerEvent event) {
  const bool bad_id = event.id && event.id->find_first_of(std::string_view("\r\n\0", 3)) != event.id->npos;
  if (bad_id || event.event.find_first_of(kLineEnds) != std::string_view::npos) {
    co_return fail(ErrorKind::invalid, Reason::malformed, "event");
  }
  text_.clear();
  if (!event.event.empty()) text_.append("event: ").append(event.event).append("\n");
  if (event.id) text_.append("id: ").append(*event.id).append("\n");
  if (event.retry > Duration::zero()) {
    const auto whole = std::chrono::ceil<std::chrono::milliseconds>(event.retry).count();
    text_.append("retry: ").append(std::to_string(whole)).append("\n");
  }
  append_lines("data", event.data, text_);
  co_return co_await push();
}

core::task<Result<>> EventStream::comment(std::string_view text) {
  text_.clear();
  append_lines("", text, text_);
  co_return co_await push();
}

core::task<Result<>> EventStream::end() { co_return co_await exchange_.finish(); }

core::task<Result<>> EventStream::push() {
  text_ += '\n';
  if (const Result<> written = co_await exchange_.write(text_); !written) co_return written;
  co_return co_await exchange_.flush();
}

}  // namespace weir::http

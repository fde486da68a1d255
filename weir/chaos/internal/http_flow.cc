#include "weir/chaos/internal/http_flow.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "weir/http/headers.h"

namespace weir::chaos::internal {
namespace {

using Event = http::Parser::Event;

// Bodies are the two ends' affair.
constexpr http::Parser::Limits kLimits{
    .head = kibibytes(64), .fields = 1000, .target = kibibytes(32), .body = Bytes{std::uint64_t{1} << 50}};

bool matches(const RequestMatch& match, const http::RequestHead& request) {
  if (!match.method.empty() && match.method != request.method) return false;
  if (!match.path.empty() && !match.matches_path(request.target)) return false;
  if (match.header_name.empty()) return true;
  const auto values = request.headers.get_all(match.header_name);
  return std::ranges::any_of(values, [&](std::string_view value) {
    return match.header_value.empty() || match.header_value == value;
  });
}

HttpFlow::Reply reply_with(int status, const http::RequestHead& request, bool keep_alive) {
  constexpr std::string_view kBody = "injected by weir chaos\n";
  const bool bodiless = http::has_no_body(status);
  std::string text = fmt::format("HTTP/1.1 {} {}\r\n", status, http::standard_reason(status));
  if (!bodiless) text += fmt::format("Content-Type: text/plain\r\nContent-Length: {}\r\n", kBody.size());
  text += fmt::format("X-Weir-Chaos: status\r\n{}\r\n", keep_alive ? "" : "Connection: close\r\n");
  if (!bodiless && request.method != "HEAD") text += kBody;
  return {.text = std::move(text), .then_close = !keep_alive};
}

}  // namespace

HttpFlow::HttpFlow() : requests_(kLimits, request_), responses_(kLimits, response_) {}

HttpFlow::Piece HttpFlow::up(const std::shared_ptr<const FaultSet>& set, std::span<const std::byte> input) {
  if (std::exchange(hanging_, false)) return decide(set, 0);
  if (raw_.load(std::memory_order_relaxed)) return {Act::pass, input.size()};
  {
    const std::lock_guard guard(lock_);
    up_waits_ = expected_.size() >= kExpectedMax;
    if (up_waits_) return {Act::full, 0};
  }
  const bool in_head = requests_.idle();
  const http::Parser::Step step = requests_.next(input);
  switch (step.event) {
    case Event::head: return up_head(set, step.consumed);
    case Event::refused: make_raw(); return {Act::pass, input.size()};
    case Event::end:
    case Event::need_more:
    case Event::body: break;
  }
  if (step.event == Event::need_more && (in_head || head_open_)) {
    head_open_ = true;
    return {Act::withhold, step.consumed};
  }
  const Act act = dropping_ ? Act::drop : Act::pass;
  if (step.event == Event::end) {
    dropping_ = false;
  } else if (step.event == Event::body) {
    end_request_if_whole();
  }
  return {act, step.consumed};
}

void HttpFlow::end_request_if_whole() {
  if (requests_.next({}).event == Event::end) dropping_ = false;
}

HttpFlow::Piece HttpFlow::up_head(const std::shared_ptr<const FaultSet>& set, std::size_t bytes) {
  head_open_ = false;
  for (const ActiveFault& active : set->faults) {
    if (!std::holds_alternative<HangFault>(active.said.fault)) continue;
    if (active.record->match(active.said.occurrence) == 0) continue;
    active.record->count_done();
    hanging_ = true;
    return {Act::hang, bytes, active.event};
  }
  return decide(set, bytes);
}

HttpFlow::Piece HttpFlow::decide(const std::shared_ptr<const FaultSet>& set, std::size_t bytes) {
  Expected expected{.method = request_.method};
  delaying_[kUp] = {};
  for (const ActiveFault& active : set->faults) {
    FaultTally& record = *active.record;
    if (const auto* status = std::get_if<StatusFault>(&active.said.fault)) {
      if (expected.reply || !matches(status->match, request_)) continue;
      if (record.match(active.said.occurrence) == 0) continue;
      record.count_done();
      // A client that waits for "100 Continue" may or may not send its body now.
      const bool keep_alive = requests_.keep_alive() && !requests_.expects_continue();
      expected.reply = reply_with(status->status, request_, keep_alive);
    } else if (const auto* truncate = std::get_if<TruncateFault>(&active.said.fault)) {
      if (record.match(active.said.occurrence) == 0) continue;
      expected.cut = &record;
      expected.cut_event = active.event;
      expected.cut_after = truncate->after.count;
    } else if (const auto* delay = std::get_if<DelayFault>(&active.said.fault)) {
      const std::uint64_t number = record.match(active.said.occurrence);
      if (number == 0) continue;
      record.count_done();
      for (const std::size_t way : {kUp, kDown}) {
        if (!covers(delay->direction, way)) continue;
        Delaying& own = way == kUp ? delaying_[kUp] : expected.delaying;
        const Duration asked = delay->delay.sample(number, testing::seed_of(record.seed(), way));
        own = {own.asked + asked, active.event, &record, own.record == nullptr};
      }
    }
  }
  dropping_ = expected.reply.has_value();
  expect(std::move(expected));
  const Act act = dropping_ ? Act::drop : Act::pass;
  end_request_if_whole();
  return {act, bytes};
}

void HttpFlow::expect(Expected expected) {
  const bool tells = expected.reply.has_value();
  {
    const std::lock_guard guard(lock_);
    expected_.push_back(std::move(expected));
  }
  if (!tells) return;
  own_replies_.fetch_add(1, std::memory_order_relaxed);
  news_for_down_.store(true, std::memory_order_relaxed);
}

std::optional<HttpFlow::Reply> HttpFlow::own_reply() {
  if (current_ || own_replies_.load(std::memory_order_relaxed) == 0) return std::nullopt;
  const std::lock_guard guard(lock_);
  if (expected_.empty() || !expected_.front().reply) return std::nullopt;
  Reply reply = std::move(*expected_.front().reply);
  pop_expected_locked();
  own_replies_.fetch_sub(1, std::memory_order_relaxed);
  return reply;
}

void HttpFlow::pop_expected_locked() {
  expected_.pop_front();
  if (std::exchange(up_waits_, false)) news_for_up_.store(true, std::memory_order_relaxed);
}

HttpFlow::Piece HttpFlow::down(const std::shared_ptr<const FaultSet>& set, std::span<const std::byte> input) {
  if (raw_.load(std::memory_order_relaxed)) return {Act::pass, input.size()};
  if (!current_) {
    const std::lock_guard guard(lock_);
    if (expected_.empty()) {  // nobody asked: what follows cannot be told apart
      make_raw();
      return {Act::pass, input.size()};
    }
    current_ = std::move(expected_.front());
    pop_expected_locked();
    responses_.expect_answer_to(current_->method);
    response_open_ = false;
  }
  const http::Parser::Step step = responses_.next(input);
  switch (step.event) {
    case Event::head: return down_head(set, step.consumed);
    case Event::body: return down_body(*set, input, step);
    case Event::refused: make_raw(); return {Act::pass, input.size()};
    case Event::end: end_response(); return {Act::pass, step.consumed};
    case Event::need_more: break;
  }
  return {response_open_ ? Act::pass : Act::withhold, step.consumed};
}

HttpFlow::Piece HttpFlow::down_head(const std::shared_ptr<const FaultSet>& set, std::size_t bytes) {
  response_open_ = true;
  body_bytes_ = 0;
  delaying_[kDown] = {};
  // An event that is over does not strike any more.
  if (current_->delaying.record != nullptr && set->has(current_->delaying.event)) {
    delaying_[kDown] = current_->delaying;
  }
  if (current_->cut != nullptr && !set->has(current_->cut_event)) current_->cut = nullptr;
  const bool connected = current_->method == "CONNECT" && response_.status / 100 == 2;
  if (response_.status == 101 || connected) make_raw();
  end_response_if_whole();
  return {Act::pass, bytes};
}

HttpFlow::Piece HttpFlow::down_body(const FaultSet& set, std::span<const std::byte> input,
                                    const http::Parser::Step& step) {
  const std::uint64_t before = body_bytes_;
  body_bytes_ += step.body.size();
  const bool cuts = current_->cut != nullptr && set.has(current_->cut_event);
  if (!cuts || body_bytes_ <= current_->cut_after) {
    end_response_if_whole();
    return {Act::pass, step.consumed};
  }
  current_->cut->count_done();
  const auto body_at = static_cast<std::size_t>(step.body.data() - input.data());
  return {Act::cut, body_at + static_cast<std::size_t>(current_->cut_after - before)};
}

void HttpFlow::end_response_if_whole() {
  if (responses_.next({}).event == Event::end) end_response();
}

void HttpFlow::end_response() {
  // Of an interim one, the response itself is still to come.
  const bool interim = response_.status / 100 == 1 && response_.status != 101;
  response_open_ = false;
  if (!interim) current_.reset();
}

}  // namespace weir::chaos::internal

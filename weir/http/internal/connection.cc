#include "weir/http/internal/connection.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "weir/core/now.h"
#include "weir/core/sleep.h"
#include "weir/http/internal/h2_connection.h"
#include "weir/http/internal/lingering.h"
#include "weir/http/internal/reply_text.h"
#include "weir/net/network.h"
#include "weir/net/proxy_protocol.h"

namespace weir::http::internal {
namespace {

// Requests of one connection without a wait between them, before others get a turn.
constexpr std::uint32_t kRequestsInARowMax = 64;
// A handler that took no longer is expected to take no longer with the next
// request: replies are then held to share a write.
constexpr Duration kPromptMax = 100us;
// RFC 9113 section 3.4. No request of HTTP/1 begins with its first bytes.
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kPrefaceTells = 4;

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Connection::Connection(const Service& service, net::Socket socket)
    : service_(service),
      socket_(std::move(socket)),
      request_context_(service.shard.serving),
      idle_context_(service.shard.draining),
      input_(socket_),
      output_(socket_, service.shard,
              {.patience = service.options.write_timeout,
               .bytes_per_s_min = service.options.body_bytes_per_s_min}),
      parser_(service.options.request, heads_->request),
      hang_up_(socket_.descriptor(), request_context_),
      body_({.socket = socket_, .input = input_, .output = output_, .parser = parser_, .hang_up = hang_up_},
            {.grace = service.options.body_grace, .bytes_per_s_min = service.options.body_bytes_per_s_min}),
      may_be_http2_(service.options.http2.streams_max > 0) {}

Connection::~Connection() {
  if (heads_ != nullptr) give_back(std::move(heads_));
}

core::task<void> Connection::serve(Service service, net::Socket socket) {
  Connection self(service, std::move(socket));
  if (!service.options.proxy_from.empty() && !co_await self.learn_peer())
    self.aborted_ = self.closing_ = true;
  if (service.tls != nullptr && !self.closing_ && !co_await self.secure()) self.closing_ = true;
  while (!self.closing_) {
    if (self.may_be_http2_ && self.is_preface()) break;
    const Parser::Step step = self.parser_.next(self.input_.unread());
    self.input_.consume(step.consumed);
    if (step.event == Parser::Event::need_more) {
      if (self.input_.may_have_more()) {
        self.read();
        continue;
      }
      if (!self.output_.empty() && !co_await self.output_.send()) break;
      const Result<> ready = co_await self.request_bytes();
      if (self.heads_ == nullptr) self.take_heads();
      if (!ready) self.on_no_request(ready.error());
      self.input_.expect_more();
      self.requests_in_a_row_ = 0;
    } else if (step.event == Parser::Event::refused) {
      self.refuse(self.parser_.refusal());
    } else if (step.event == Parser::Event::head) {
      if (self.should_flush_first() && !co_await self.output_.send()) break;
      if (++self.requests_in_a_row_ > kRequestsInARowMax) {
        self.requests_in_a_row_ = 0;
        co_await core::yield();
      }
      self.begin_exchange();
      bool failed = false;
      try {
        co_await service.handler.handle(self.exchange_);
      } catch (...) {
        failed = true;
      }
      if (failed || !self.is_settled()) co_await self.settle(failed);
      self.end_exchange();
    }
  }
  if (self.is_http2_ && !self.aborted_) {
    H2Connection::Opening opening{.client = self.peer(),
                                  .preface_bytes = self.preface_bytes_,
                                  .after = std::string(as_text(self.input_.unread()))};
    self.input_.consume(self.input_.unread().size());
    give_back(std::move(self.heads_));
    co_await H2Connection::serve(service, std::move(self.socket_), self.facts(), std::move(opening));
  } else {
    co_await self.close();
  }
  service.shard.counters.connections_ended.add();
}

bool Connection::is_preface() {
  if (is_http2_) return true;  // as ALPN has it
  const std::string_view expected = kPreface.substr(preface_bytes_);
  const std::string_view unread = as_text(input_.unread());
  const auto same = static_cast<std::size_t>(std::ranges::mismatch(unread, expected).in1 - unread.begin());
  if (preface_bytes_ + same < kPrefaceTells && same < unread.size()) {
    may_be_http2_ = false;
    parser_.next(std::as_bytes(std::span(kPreface.substr(0, preface_bytes_))));
    return false;
  }
  preface_bytes_ += same;
  input_.consume(same);
  is_http2_ = preface_bytes_ >= kPrefaceTells;
  return is_http2_;
}

core::task<void> Connection::turn_away(Service service, net::Socket socket) {
  Connection self(service, std::move(socket));
  append_refusal(self.output_.held(), Refusal::connection_limit, {});
  self.lingering_ = true;
  co_await self.close();
}

core::task<bool> Connection::learn_peer() {
  if (!net::contains(service_.options.proxy_from, socket_.peer())) co_return true;
  const TimePoint deadline = saturating_add(core::now(), service_.options.header_timeout);
  const auto client = co_await net::read_proxy_header(idle_context_, socket_, deadline);
  if (!client) {
    if (client.error().kind != ErrorKind::cancelled) service_.shard.counters.count(Refusal::proxy_header);
    co_return false;
  }
  if (*client) proxied_ = std::make_unique<const net::SocketAddress>(**client);
  co_return true;
}

void Connection::read() {
  const Result<Input::Got> got = input_.read();
  if (got && *got != Input::Got::end) return;
  closing_ = true;
  if (!got) {
    aborted_ = true;
  } else if (parser_.finish() == Parser::Event::refused) {
    refuse(parser_.refusal());
  }
}

// What may end the wait depends on whether the head has begun.
core::Descriptor::Readiness Connection::request_bytes() {
  input_.release();
  output_.release();
  if (!parser_.idle()) {
    if (head_deadline_ == kNever)
      head_deadline_ = saturating_add(core::now(), service_.options.header_timeout);
    return socket_.readable(service_.shard.serving, head_deadline_);
  }
  give_back(std::move(heads_));
  const Duration patience = requests_ == 0 ? service_.options.header_timeout : service_.options.idle_timeout;
  return socket_.readable(idle_context_, saturating_add(core::now(), patience));
}

void Connection::take_heads() {
  heads_ = internal::take_heads();
  parser_.fill(heads_->request);
}

void Connection::on_no_request(const Error& error) {
  closing_ = true;
  if (parser_.idle()) {
    service_.shard.counters.connections_idle_closed.add();
  } else if (error.kind == ErrorKind::deadline) {
    refuse(Refusal::head_timeout);
  } else {
    aborted_ = true;
  }
}

// Replies to earlier requests must not wait for a handler that may be slow.
bool Connection::should_flush_first() const { return !output_.empty() && !handler_was_prompt_; }

void Connection::begin_exchange() {
  service_.shard.counters.requests.add();
  ++requests_;
  head_deadline_ = kNever;
  exchange_began_ = core::now();
  reply_ = {};
  exchange_.begin();
  body_.begin();
  input_.release();
}

void Connection::end_exchange() {
  hang_up_.end();
  handler_was_prompt_ = core::now() - exchange_began_ <= kPromptMax;
  // A context stays cancelled: the client has gone, or the server ends.
  if (request_context_.cancelled()) closing_ = true;
  if (!upgraded_.begun()) return;
  input_.consume(input_.unread().size());
  aborted_ |= upgraded_.aborted();
  // What the peer still sends must not reset the connection under our last bytes.
  lingering_ |= !upgraded_.ended();
}

// The nearly only case: replied, and the request read to its end.
bool Connection::is_settled() const {
  return reply_.stage == Reply::Stage::finished && body_.complete() && !aborted_ && !output_.broken();
}

core::task<void> Connection::settle(bool handler_failed) {
  Counters& counters = service_.shard.counters;
  if (handler_failed) counters.count(Refusal::handler_failed);
  if (body_.refusal() != Refusal::none) counters.count(body_.refusal());
  if (reply_.stage == Reply::Stage::none) answer_for_handler(handler_failed);
  if (reply_.stage == Reply::Stage::started) aborted_ = true;
  if (aborted_ || output_.broken()) {
    if (reply_.stage != Reply::Stage::none) counters.replies_cut_off.add();
    aborted_ = closing_ = true;
    co_return;
  }
  if (closing_ || body_.complete()) {
    lingering_ |= !body_.complete();
    co_return;
  }
  if (!co_await body_.discard(service_.shard.serving, service_.options.discard_max.count)) {
    closing_ = lingering_ = true;
  }
}

// It returned, or threw, without a reply.
void Connection::answer_for_handler(bool handler_failed) {
  Counters& counters = service_.shard.counters;
  const bool gone = request_context_.cancelled() || (body_.failed() && body_.refusal() == Refusal::none);
  if (aborted_ || output_.broken() || gone) {
    counters.requests_abandoned.add();
    aborted_ = true;
    return;
  }
  Refusal refusal = body_.refusal();
  if (refusal == Refusal::none) refusal = handler_failed ? Refusal::handler_failed : Refusal::no_reply;
  if (refusal == Refusal::no_reply) counters.count(refusal);
  closing_ |= decide_to_close(Reading::over);
  append_refusal(output_.held(), refusal, {.with_body = heads_->request.method != "HEAD", .close = closing_});
  counters.replies.add();
  reply_.stage = Reply::Stage::finished;
}

// Of the parser's making, or a timeout: the stream cannot be trusted from here.
void Connection::refuse(Refusal refusal) {
  service_.handler.on_refused(peer(), heads_->request, refusal);
  service_.shard.counters.count(refusal);
  service_.shard.counters.replies.add();
  append_refusal(output_.held(), refusal, {.with_body = heads_->request.method != "HEAD"});
  closing_ = lingering_ = true;
}

core::task<void> Connection::close() {
  if (!aborted_ && !output_.empty() && !co_await output_.send()) aborted_ = true;
  if (aborted_ || output_.broken()) {
    socket_.abort();
    co_return;
  }
  if (!lingering_ && input_.unread().empty()) co_return;
  co_await linger(service_, socket_, input_);
}

}  // namespace weir::http::internal

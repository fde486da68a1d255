// Bytes into messages: llhttp in its strict mode, and everything that RFC 9112
// has a careful recipient refuse and llhttp lets pass.
//
// Feed it what was read; it stops at each event and says how far it came. Body
// bytes are views of the input, never copied. Where a stream is cut into reads
// makes no difference to what comes out.
//
//   RequestHead head;
//   Parser parser(Parser::Limits{}, head);
//   for (;;) {
//     const Parser::Step step = parser.next(unread);
//     unread = unread.subspan(step.consumed);
//     if (step.event == Parser::Event::need_more) { read more, or finish() at the end of the stream }
//     if (step.event == Parser::Event::head) { `head` is complete }
//     if (step.event == Parser::Event::body) { step.body: the next piece }
//     if (step.event == Parser::Event::end) { next() goes on with the next message }
//     if (step.event == Parser::Event::refused) { parser.refusal(): close the connection }
//   }
//
// Not thread-safe; allocates nothing once its head is warm. It refers to the
// head it was given and clears it when a message begins.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "weir/base/units.h"
#include "weir/http/internal/rules.h"
#include "weir/http/message.h"
#include "weir/http/refusal.h"

namespace weir::http {

class Parser {
 public:
  struct Limits {
    // The start line and all fields, line ends included; trailers have as much
    // again. What Envoy gives at the edge; Node gives 16 KiB. More than
    // Headers::kBytesMax counts as that; 0: every message is refused.
    Bytes head = kibibytes(32);
    // Fields in a head, and again in trailers. hyper's number. More than
    // Headers::kFieldsMax counts as that; 0: none.
    std::uint32_t fields = 100;
    // A request's target. 8,000 bytes is what RFC 9112 wants supported.
    Bytes target = kibibytes(8);
    // A body, without its framing. A recipient that streams and leaves the
    // bound to others sets what it can bear: there is no "unlimited". 0: no
    // body but an empty one.
    Bytes body = mebibytes(1);
  };

  enum class Event : std::uint8_t {
    need_more,  // all input was consumed
    head,       // the head is complete; once for each message, 1xx responses too
    body,       // a piece of the body: Step::body, never empty
    end,        // the message is complete
    refused,    // refusal() says why; again on every later call
  };

  struct Step {
    Event event;
    std::size_t consumed;             // of the input
    std::span<const std::byte> body;  // lies in the input
  };

  Parser(const Limits& limits, RequestHead& head);
  Parser(const Limits& limits, ResponseHead& head);
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  // Goes on up to the next event. Empty input is fine: it asks for events that
  // need no more bytes.
  Step next(std::span<const std::byte> input);

  // The stream has ended. `end`: this completes a body that lasts until then,
  // or no message was under way (idle() says which). Otherwise `refused`, as
  // truncated.
  Event finish();

  // The method of the request that the next responses answer: after HEAD they
  // have no body. Stays until set again. For parsers of responses.
  void expect_answer_to(std::string_view method) { answers_head_ = method == "HEAD"; }

  // The next request goes into `head`. While no byte of it has come.
  void fill(RequestHead& head) { request_ = &head; }

  // No byte of a message has come since the last one ended.
  bool idle() const { return stage_ == Stage::idle; }
  Refusal refusal() const { return refusal_; }

  // From the `head` event until the next message begins:
  BodyLength body_length() const { return body_length_; }
  // Whether the sender would use the connection for another message.
  bool keep_alive() const { return keep_alive_; }
  // The request has "Expect: 100-continue" and a body.
  bool expects_continue() const { return expects_continue_; }
  // From the `end` event.
  const Headers& trailers() const { return trailers_; }

 private:
  struct Callbacks;

  enum class Stage : std::uint8_t {
    idle,    // before the first byte of a message, blank lines aside
    method,  // within a request's method
    head,
    body,      // a body and its framing
    trailers,  // after the last chunk
    ended,     // no body: `end` is due
    refused,
  };

  Parser(const Limits& limits, RequestHead* request, ResponseHead* response);

  void begin();
  Step refuse(Refusal refusal, std::size_t consumed);
  Step end(std::size_t consumed);

  // Each consumes what belongs to its stage. nullopt: go on with the next.
  std::optional<Step> skip_blank_lines(std::string_view input, std::size_t& at);
  std::optional<Step> read_method(std::string_view input, std::size_t& at);
  Step read_head(std::string_view input, std::size_t at);
  Step read_body(std::string_view input);
  std::size_t room() const;

  // What llhttp makes of `input`: the bytes it consumed.
  std::size_t execute(std::string_view input);
  Refusal check_lines(std::string_view framing);
  Refusal check_start_line() const;
  Refusal verdict() const;

  void on_field_complete();
  Refusal complete_head();
  Refusal complete_request();
  Refusal complete_response();
  Refusal settle_length();
  Headers& fields();

  // llhttp's own state, kept out of this header.
  static constexpr std::size_t kStateBytes = 96;
  alignas(8) std::array<std::byte, kStateBytes> state_;

  const Limits limits_;
  RequestHead* request_;  // one of the two is null
  ResponseHead* const response_;
  Headers trailers_;

  Stage stage_ = Stage::idle;
  Event event_ = Event::need_more;   // what the last execute() stopped for
  Refusal refusal_ = Refusal::none;  // a callback's, or final
  int code_ = 0;                     // llhttp's error
  std::string_view piece_;           // of the body
  BodyLength body_length_;
  std::uint64_t body_bytes_ = 0;     // of this message so far, announced chunks included
  std::uint64_t framing_bytes_ = 0;  // of the head, of one chunk's framing, or of the trailers
  std::uint64_t line_bytes_ = 0;     // of the line under way, without its end
  internal::TransferCodings codings_;
  std::uint32_t hosts_ = 0;
  bool field_open_ = false;
  bool length_seen_ = false;
  bool after_cr_ = false;
  bool after_start_line_ = false;
  bool version_seen_ = false;
  bool keep_alive_ = true;
  bool expects_continue_ = false;
  bool expectation_unknown_ = false;
  bool answers_head_ = false;
};

}  // namespace weir::http

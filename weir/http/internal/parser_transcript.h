// What a parser makes of a stream, as text that can be compared: for tests and
// the fuzzer. Body pieces are joined, because where they are cut is the
// stream's affair and not the parser's.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "weir/http/parser.h"

namespace weir::http {

enum class Kind { request, response };

struct Transcript {
  std::string text;  // a line for each event
  Refusal refusal = Refusal::none;
};

// Feeds `bytes` in reads of the sizes that `next_read` gives (at least 1; the
// last one may be cut short), then ends the stream.
inline Transcript transcribe(Kind kind, std::string_view bytes, const Parser::Limits& limits,
                             const std::function<std::size_t()>& next_read) {
  Transcript transcript;
  RequestHead request;
  ResponseHead response;
  Parser of_requests(limits, request);
  Parser of_responses(limits, response);
  Parser& parser = kind == Kind::request ? of_requests : of_responses;
  bool in_body = false;
  const auto note = [&](std::string_view line) {
    if (in_body) transcript.text += '\n';
    in_body = false;
    transcript.text.append(line).append("\n");
  };
  const auto note_fields = [&](const Headers& headers) {
    for (const auto [name, value] : headers) {
      note("  " + std::string(name) + "=" + std::string(value));
    }
  };
  // True: refused.
  const auto read = [&](std::span<const std::byte> unread) {
    for (;;) {
      const Parser::Step step = parser.next(unread);
      unread = unread.subspan(step.consumed);
      switch (step.event) {
        case Parser::Event::need_more: return false;
        case Parser::Event::refused:
          transcript.refusal = parser.refusal();
          note("refused " + std::string(facts(parser.refusal()).label));
          return true;
        case Parser::Event::head:
          note(kind == Kind::request
                   ? request.method + " " + request.target + " 1." + std::to_string(request.version_minor)
                   : std::to_string(response.status) + " " + response.reason);
          note_fields(kind == Kind::request ? request.headers : response.headers);
          note("length " + std::to_string(static_cast<int>(parser.body_length().kind)) + ":" +
               std::to_string(parser.body_length().bytes) + (parser.keep_alive() ? " keep" : " close") +
               (parser.expects_continue() ? " continue" : ""));
          break;
        case Parser::Event::body:
          if (!in_body) transcript.text += "body ";
          in_body = true;
          transcript.text.append(reinterpret_cast<const char*>(step.body.data()), step.body.size());
          break;
        case Parser::Event::end:
          note("end");
          note_fields(parser.trailers());
          break;
      }
    }
  };
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const std::string_view piece = rest.substr(0, next_read());
    rest.remove_prefix(piece.size());
    if (read(std::as_bytes(std::span(piece)))) return transcript;
  }
  if (read({})) return transcript;
  const bool was_idle = parser.idle();
  if (parser.finish() == Parser::Event::refused) {
    transcript.refusal = parser.refusal();
    note("refused " + std::string(facts(parser.refusal()).label));
  } else if (!was_idle) {
    note("end by close");
  }
  return transcript;
}

}  // namespace weir::http

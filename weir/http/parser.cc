#include "weir/http/parser.h"

#include <llhttp.h>

#include <algorithm>
#include <new>

#include "weir/base/check.h"
#include "weir/http/internal/plain_head.h"

namespace weir::http {
namespace {

// Between two pieces of a chunked body: CRLF, the size, extensions. Nobody is
// known to use extensions; unbounded ones have been an attack (CVE-2024-22019).
constexpr std::uint64_t kChunkFramingMax = 1024;

llhttp_t& as_llhttp(std::byte* state) { return *std::launder(reinterpret_cast<llhttp_t*>(state)); }

Parser::Limits within_headers(Parser::Limits limits) {
  limits.head = std::min(limits.head, Bytes{Headers::kBytesMax});
  limits.fields = std::min(limits.fields, static_cast<std::uint32_t>(Headers::kFieldsMax));
  return limits;
}

bool is_control(char c) { return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7f; }

}  // namespace

// llhttp's callbacks. What they return: 0 to go on, HPE_PAUSED to stop behind
// this place, -1 to refuse.
struct Parser::Callbacks {
  static Parser& self(llhttp_t* llhttp) { return *static_cast<Parser*>(llhttp->data); }

  static int refuse(Parser& parser, Refusal refusal) {
    parser.refusal_ = refusal;
    return -1;
  }

  static int on_url(llhttp_t* llhttp, const char* at, std::size_t size) {
    Parser& parser = self(llhttp);
    std::string& target = parser.request_->target;
    if (target.size() + size > parser.limits_.target.count) return refuse(parser, Refusal::target_too_long);
    target.append(at, size);
    return 0;
  }

  static int on_status(llhttp_t* llhttp, const char* at, std::size_t size) {
    self(llhttp).response_->reason.append(at, size);
    return 0;
  }

  static int on_version_complete(llhttp_t* llhttp) {
    Parser& parser = self(llhttp);
    parser.version_seen_ = true;
    if (llhttp->http_major != 1 || llhttp->http_minor > 1) return refuse(parser, Refusal::version);
    return 0;
  }

  static int on_header_field(llhttp_t* llhttp, const char* at, std::size_t size) {
    Parser& parser = self(llhttp);
    Headers& fields = parser.fields();
    if (!parser.field_open_) fields.begin_field();
    parser.field_open_ = true;
    fields.append_name({at, size});
    return 0;
  }

  static int on_header_field_complete(llhttp_t* llhttp) {
    Parser& parser = self(llhttp);
    if (parser.stage_ != Stage::trailers || !parser.field_open_) return 0;
    const std::string_view name = parser.trailers_.open_name();
    for (const std::string_view forbidden : {"Content-Length", "Transfer-Encoding", "Host"}) {
      if (equals_ignoring_case(name, forbidden)) return refuse(parser, Refusal::trailer);
    }
    return 0;
  }

  static int on_header_value(llhttp_t* llhttp, const char* at, std::size_t size) {
    Parser& parser = self(llhttp);
    if (parser.field_open_) parser.fields().append_value({at, size});
    return 0;
  }

  static int on_header_value_complete(llhttp_t* llhttp) {
    Parser& parser = self(llhttp);
    if (!parser.field_open_) return 0;
    parser.on_field_complete();
    return parser.fields().size() > parser.limits_.fields ? refuse(parser, Refusal::header_count) : 0;
  }

  static int on_headers_complete(llhttp_t* llhttp) {
    self(llhttp).event_ = Event::head;
    return HPE_PAUSED;
  }

  static int on_chunk_header(llhttp_t* llhttp) {
    Parser& parser = self(llhttp);
    if (llhttp->content_length == 0) {
      parser.stage_ = Stage::trailers;
      return HPE_PAUSED;
    }
    if (llhttp->content_length > parser.limits_.body.count - parser.body_bytes_) {
      return refuse(parser, Refusal::body_too_large);
    }
    parser.body_bytes_ += llhttp->content_length;
    return 0;
  }

  static int on_body(llhttp_t* llhttp, const char* at, std::size_t size) {
    // Asked to go on without input, llhttp reports an empty piece.
    if (size == 0) return 0;
    Parser& parser = self(llhttp);
    parser.event_ = Event::body;
    parser.piece_ = {at, size};
    return HPE_PAUSED;
  }

  static int on_message_complete(llhttp_t* llhttp) {
    self(llhttp).event_ = Event::end;
    return HPE_PAUSED;
  }

  static const llhttp_settings_t& settings() {
    static const llhttp_settings_t kSettings = [] {
      llhttp_settings_t made;
      llhttp_settings_init(&made);
      made.on_url = on_url;
      made.on_status = on_status;
      made.on_version_complete = on_version_complete;
      made.on_header_field = on_header_field;
      made.on_header_field_complete = on_header_field_complete;
      made.on_header_value = on_header_value;
      made.on_header_value_complete = on_header_value_complete;
      made.on_headers_complete = on_headers_complete;
      made.on_chunk_header = on_chunk_header;
      made.on_body = on_body;
      made.on_message_complete = on_message_complete;
      return made;
    }();
    return kSettings;
  }

  // In place of all of them: llhttp has no part in the message then. The bytes of the
  // head; 0: it is not plain, or llhttp has been given some of it.
  static std::size_t take_plain_head(Parser& parser, std::string_view input) {
    if (parser.line_bytes_ > 0 || parser.after_cr_ || parser.after_start_line_) return 0;
    internal::PlainHead plain;
    RequestHead* const request = parser.request_;
    if (request != nullptr ? !read_plain_request(input, request->method.size(), plain)
                           : !read_plain_response(input, plain)) {
      return 0;
    }
    // Too much of anything is refused where all is.
    const Limits& limits = parser.limits_;
    if (plain.bytes > limits.head.count - parser.framing_bytes_ || plain.count > limits.fields) return 0;
    if (request != nullptr && plain.what.size() > limits.target.count) return 0;
    (request != nullptr ? request->target : parser.response_->reason).assign(plain.what);
    Headers& fields = parser.fields();
    const std::span taken = std::span(plain.fields).first(plain.count);
    if (plain.canonical) {
      fields.append_lines(plain.lines, taken);
    } else {
      for (const Headers::Field& field : taken) {
        fields.begin_field();
        fields.append_name(field.name);
        fields.append_value(field.value);
        fields.end_field();
      }
    }
    parser.hosts_ = plain.hosts;
    parser.length_seen_ = plain.length.has_value();
    llhttp_t& llhttp = as_llhttp(parser.state_.data());
    llhttp.http_major = llhttp.http_minor = 1;
    llhttp.status_code = static_cast<std::uint16_t>(plain.status);
    llhttp.content_length = plain.length.value_or(0);
    llhttp.flags = plain.length ? F_CONTENT_LENGTH : 0;
    llhttp.data = nullptr;
    return plain.bytes;
  }
};

Parser::Parser(const Limits& limits, RequestHead& head) : Parser(limits, &head, nullptr) {}
Parser::Parser(const Limits& limits, ResponseHead& head) : Parser(limits, nullptr, &head) {}

Parser::Parser(const Limits& limits, RequestHead* request, ResponseHead* response)
    : limits_(within_headers(limits)), request_(request), response_(response) {
  static_assert(sizeof(llhttp_t) <= kStateBytes && alignof(llhttp_t) <= 8);
  new (state_.data()) llhttp_t;
}

Headers& Parser::fields() {
  if (stage_ == Stage::trailers) return trailers_;
  return request_ != nullptr ? request_->headers : response_->headers;
}

void Parser::begin() {
  llhttp_t& llhttp = as_llhttp(state_.data());
  llhttp_init(&llhttp, request_ != nullptr ? HTTP_REQUEST : HTTP_RESPONSE, &Callbacks::settings());
  llhttp.data = this;
  // Any digits are let through as a version, so that ours to refuse is each
  // but 1.0 and 1.1, as what it is.
  llhttp.lenient_flags = LENIENT_VERSION;
  if (request_ != nullptr) request_->clear();
  if (response_ != nullptr) response_->clear();
  trailers_.clear();
  stage_ = request_ != nullptr ? Stage::method : Stage::head;
  body_length_ = {};
  body_bytes_ = line_bytes_ = 0;
  codings_ = {};
  hosts_ = 0;
  field_open_ = length_seen_ = after_cr_ = after_start_line_ = version_seen_ = false;
  expects_continue_ = expectation_unknown_ = false;
  keep_alive_ = true;
}

Parser::Step Parser::next(std::span<const std::byte> bytes) {
  const std::string_view input(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::size_t at = 0;
  if (stage_ == Stage::ended) return end(0);
  if (stage_ == Stage::idle) {
    if (std::optional<Step> stop = skip_blank_lines(input, at)) return *stop;
  }
  if (stage_ == Stage::method) {
    if (std::optional<Step> stop = read_method(input, at)) return *stop;
  }
  if (stage_ == Stage::head) return read_head(input, at);
  if (stage_ == Stage::refused) return {Event::refused, 0, {}};
  return read_body(input);
}

Parser::Event Parser::finish() {
  if (stage_ == Stage::idle) return Event::end;
  const bool lasts_until_now = body_length_.kind == BodyLength::Kind::until_close;
  if (stage_ == Stage::ended || (stage_ == Stage::body && lasts_until_now)) {
    stage_ = Stage::idle;
    return Event::end;
  }
  if (stage_ != Stage::refused) refuse(Refusal::truncated, 0);
  return Event::refused;
}

Parser::Step Parser::refuse(Refusal refusal, std::size_t consumed) {
  stage_ = Stage::refused;
  refusal_ = refusal;
  return {Event::refused, consumed, {}};
}

Parser::Step Parser::end(std::size_t consumed) {
  stage_ = Stage::idle;
  framing_bytes_ = 0;
  after_cr_ = false;
  return {Event::end, consumed, {}};
}

// RFC 9112 section 2.2: a server ignores empty lines before a request line.
std::optional<Parser::Step> Parser::skip_blank_lines(std::string_view input, std::size_t& at) {
  for (; at < input.size(); ++at) {
    const char c = input[at];
    if (after_cr_ ? c != '\n' : c == '\n') return refuse(Refusal::line_break, at);
    if (c != '\r' && c != '\n') {
      begin();
      return std::nullopt;
    }
    if (response_ != nullptr) return refuse(Refusal::start_line, at);
    after_cr_ = c == '\r';
    if (++framing_bytes_ > limits_.head.count) return refuse(Refusal::header_bytes, at);
  }
  return Step{Event::need_more, at, {}};
}

// llhttp is given the method whole: of half of one it cannot tell whether it is
// unknown (501) or no method at all (400).
std::optional<Parser::Step> Parser::read_method(std::string_view input, std::size_t& at) {
  std::string& method = request_->method;
  const bool came_in_pieces = !method.empty();
  const std::size_t start = at;
  const std::string_view may_be = input.substr(0, at + internal::kMethodBytesMax - method.size());
  while (at < may_be.size() && internal::is_token_character(may_be[at])) ++at;
  method.append(input, start, at - start);
  if (at == input.size()) return Step{Event::need_more, at, {}};
  if (input[at] != ' ') {
    return refuse(internal::is_token_character(input[at]) ? Refusal::method : Refusal::start_line, at);
  }
  if (method.empty()) return refuse(Refusal::start_line, at);
  // HTTP/2 begins with "PRI * HTTP/2.0".
  if (method == "PRI") return refuse(Refusal::version, at);
  if (!internal::is_known_method(method)) return refuse(Refusal::method, at);
  stage_ = Stage::head;
  if (came_in_pieces) {
    execute(method);
    line_bytes_ = method.size();
    framing_bytes_ += method.size();
  } else {
    at = start;
  }
  return std::nullopt;
}

std::size_t Parser::execute(std::string_view input) {
  llhttp_t& llhttp = as_llhttp(state_.data());
  event_ = Event::need_more;
  if (input.empty()) input = "";  // llhttp adds to the pointer, which must not be null
  code_ = llhttp_execute(&llhttp, input.data(), input.size());
  if (code_ == HPE_OK) return input.size();
  const auto at = static_cast<std::size_t>(llhttp_get_error_pos(&llhttp) - input.data());
  if (code_ == HPE_PAUSED) {
    code_ = HPE_OK;
    llhttp_resume(&llhttp);
    return at;
  }
  // The byte at fault counts as seen, wherever the input was cut; a callback
  // refuses what lies before it.
  return refusal_ == Refusal::none ? std::min(at + 1, input.size()) : at;
}

Parser::Step Parser::read_head(std::string_view input, std::size_t at) {
  if (const std::size_t plain = Callbacks::take_plain_head(*this, input.substr(at))) {
    at += plain;
  } else {
    // One byte more than allowed, and it is too much.
    const std::string_view slice = input.substr(at, limits_.head.count + 1 - framing_bytes_);
    const std::size_t consumed = execute(slice);
    framing_bytes_ += consumed;
    at += consumed;
    if (const Refusal broken = check_lines(slice.substr(0, consumed)); broken != Refusal::none) {
      return refuse(broken, at);
    }
    if (framing_bytes_ > limits_.head.count && refusal_ == Refusal::none)
      return refuse(Refusal::header_bytes, at);
    if (code_ != HPE_OK) return refuse(verdict(), at);
    if (event_ == Event::need_more) return {Event::need_more, at, {}};
  }
  if (const Refusal refusal = complete_head(); refusal != Refusal::none) return refuse(refusal, at);
  const bool has_body = body_length_ != BodyLength::none() && body_length_ != BodyLength::known(0);
  stage_ = has_body ? Stage::body : Stage::ended;
  framing_bytes_ = 0;
  return {Event::head, at, {}};
}

// How much more of this stage llhttp may be shown: what is within its limit, and
// of the trailers one byte more.
std::size_t Parser::room() const {
  if (stage_ == Stage::trailers) return limits_.head.count + 1 - framing_bytes_;
  if (body_length_.kind == BodyLength::Kind::until_close) return limits_.body.count - body_bytes_;
  return std::string_view::npos;
}

Parser::Step Parser::read_body(std::string_view input) {
  if (llhttp_t& llhttp = as_llhttp(state_.data()); llhttp.data == nullptr) {  // its head was plain
    if (llhttp.content_length == 0) return end(0);
    const std::string_view piece = input.substr(0, llhttp.content_length);
    llhttp.content_length -= piece.size();
    const Event event = piece.empty() ? Event::need_more : Event::body;
    return {event, piece.size(), std::as_bytes(std::span(piece))};
  }
  std::size_t at = 0;
  for (;;) {
    const Stage before = stage_;
    const std::string_view slice = input.substr(at, room());
    if (slice.empty() && at < input.size()) return refuse(Refusal::body_too_large, at);
    const std::size_t consumed = execute(slice);
    at += consumed;
    const std::size_t framing =
        event_ == Event::body ? static_cast<std::size_t>(piece_.data() - slice.data()) : consumed;
    framing_bytes_ += framing;
    if (const Refusal broken = check_lines(slice.substr(0, framing)); broken != Refusal::none) {
      return refuse(broken, at);
    }
    if (before == Stage::body && framing_bytes_ > kChunkFramingMax) return refuse(Refusal::chunk, at);
    if (before == Stage::trailers && framing_bytes_ > limits_.head.count && refusal_ == Refusal::none) {
      return refuse(Refusal::header_bytes, at);
    }
    if (code_ != HPE_OK) return refuse(verdict(), at);
    if (event_ == Event::end) return end(at);
    if (event_ == Event::body) {
      framing_bytes_ = 0;
      if (body_length_.kind == BodyLength::Kind::until_close) body_bytes_ += piece_.size();
      return {Event::body, at, std::as_bytes(std::span(piece_))};
    }
    if (stage_ == before) return {Event::need_more, at, {}};
    framing_bytes_ = 0;  // the trailers begin
  }
}

Refusal Parser::verdict() const {
  if (refusal_ != Refusal::none) return refusal_;
  switch (code_) {
    case HPE_INVALID_METHOD:
    case HPE_INVALID_CONSTANT:
    case HPE_INVALID_VERSION:
    case HPE_INVALID_STATUS: return Refusal::start_line;
    case HPE_INVALID_URL: return Refusal::target;
    case HPE_CR_EXPECTED:
    case HPE_LF_EXPECTED: return Refusal::line_break;
    case HPE_UNEXPECTED_CONTENT_LENGTH:
      return codings_.present ? Refusal::length_conflict : Refusal::content_length;
    case HPE_INVALID_CONTENT_LENGTH: return Refusal::content_length;
    case HPE_INVALID_TRANSFER_ENCODING: return Refusal::transfer_encoding;
    case HPE_INVALID_CHUNK_SIZE: return Refusal::chunk;
    case HPE_INVALID_HEADER_TOKEN: return Refusal::field;
    default: break;
  }
  if (stage_ == Stage::body) return Refusal::chunk;
  return after_start_line_ ? Refusal::field : Refusal::start_line;
}

void Parser::on_field_complete() {
  field_open_ = false;
  Headers& all = fields();
  const std::string_view value = all.end_field();
  if (stage_ == Stage::trailers) return;
  const std::string_view name = all.open_name();
  // Few fields have a length that needs a closer look.
  switch (name.size()) {
    case 4: hosts_ += equals_ignoring_case(name, "Host") ? 1 : 0; break;
    case 6:
      if (request_ == nullptr || !equals_ignoring_case(name, "Expect")) break;
      (equals_ignoring_case(value, "100-continue") ? expects_continue_ : expectation_unknown_) = true;
      break;
    case 14: length_seen_ |= equals_ignoring_case(name, "Content-Length"); break;
    case 17:
      if (equals_ignoring_case(name, "Transfer-Encoding")) codings_.add(value);
      break;
    default: break;
  }
}

Refusal Parser::complete_head() {
  llhttp_t& llhttp = as_llhttp(state_.data());
  // An upgrade that was asked for is not granted: what follows is HTTP still.
  llhttp.upgrade = 0;
  (request_ != nullptr ? request_->version_minor : response_->version_minor) = llhttp.http_minor;
  const Refusal refusal = request_ != nullptr ? complete_request() : complete_response();
  if (refusal != Refusal::none) return refusal;
  keep_alive_ = llhttp_should_keep_alive(&llhttp) != 0 && (llhttp.flags & F_CONNECTION_CLOSE) == 0;
  return Refusal::none;
}

Refusal Parser::complete_request() {
  if (hosts_ > 1 || (hosts_ == 0 && request_->version_minor == 1)) return Refusal::host;
  if (hosts_ == 1 && !internal::is_host(*request_->headers.get("Host"))) return Refusal::host;
  if (!internal::settle_target(*request_)) return Refusal::target;
  if (const Refusal refusal = settle_length(); refusal != Refusal::none) return refusal;
  if (body_length_.kind == BodyLength::Kind::known && body_length_.bytes > limits_.body.count) {
    return Refusal::body_too_large;
  }
  // RFC 9110 section 10.1.1: of HTTP/1.0 the expectation is ignored.
  if (request_->version_minor == 0) expects_continue_ = expectation_unknown_ = false;
  if (body_length_ == BodyLength::none() || body_length_ == BodyLength::known(0)) expects_continue_ = false;
  return expectation_unknown_ ? Refusal::expectation : Refusal::none;
}

Refusal Parser::complete_response() {
  llhttp_t& llhttp = as_llhttp(state_.data());
  response_->status = llhttp.status_code;
  if (response_->status < 100 || std::ranges::any_of(response_->reason, is_control))
    return Refusal::start_line;
  if (answers_head_ || has_no_body(response_->status)) {
    llhttp.flags |= F_SKIPBODY;
    body_length_ = BodyLength::none();
    return Refusal::none;
  }
  if (!length_seen_ && !codings_.present) {
    body_length_ = BodyLength::until_close();
    return Refusal::none;
  }
  if (const Refusal refusal = settle_length(); refusal != Refusal::none) return refusal;
  const bool too_large =
      body_length_.kind == BodyLength::Kind::known && body_length_.bytes > limits_.body.count;
  return too_large ? Refusal::body_too_large : Refusal::none;
}

// RFC 9112 sections 6.1 and 6.3. Whatever is doubtful is refused: between two
// who read it differently, requests are smuggled.
Refusal Parser::settle_length() {
  const llhttp_t& llhttp = as_llhttp(state_.data());
  if (!codings_.present) {
    body_length_ = length_seen_ ? BodyLength::known(llhttp.content_length) : BodyLength::none();
    return Refusal::none;
  }
  if (length_seen_) return Refusal::length_conflict;
  if (llhttp.http_minor == 0 || !codings_.chunked_last || codings_.chunked > 1)
    return Refusal::transfer_encoding;
  if (codings_.others > 0) return Refusal::transfer_coding;
  if ((llhttp.flags & F_CHUNKED) == 0) return Refusal::transfer_encoding;
  body_length_ = BodyLength::chunked();
  return Refusal::none;
}

}  // namespace weir::http

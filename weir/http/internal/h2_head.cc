#include "weir/http/internal/h2_head.h"

#include <algorithm>
#include <charconv>

#include "weir/http/internal/rules.h"

namespace weir::http::internal {
namespace {

// As on HTTP/1: ": " and the line's end.
constexpr std::size_t kSeparators = 4;

bool is_target_character(char c) { return static_cast<unsigned char>(c) > ' ' && c != 0x7f; }

}  // namespace

void H2Head::begin() {
  head_.clear();
  cookie_.clear();
  bytes_ = 0;
  fields_ = 0;
  refusal_ = Refusal::none;
  body_length_ = {};
  has_host_ = host_is_authority_ = length_seen_ = expects_continue_ = false;
}

bool H2Head::count(std::string_view name, std::string_view value) {
  bytes_ += name.size() + value.size() + kSeparators;
  if (bytes_ > limits_.head.count) refuse(Refusal::header_bytes);
  return refusal_ == Refusal::none;
}

void H2Head::add(std::string_view name, std::string_view value) {
  if (!count(name, value)) return;
  if (name.starts_with(':')) return add_pseudo(name, value);
  if (++fields_ > limits_.fields) return refuse(Refusal::header_count);
  add_regular(name, value);
}

void H2Head::add_pseudo(std::string_view name, std::string_view value) {
  if (name == ":method") {
    head_.method = value;
    if (!is_known_method(value)) refuse(Refusal::method);
  } else if (name == ":path") {
    if (value.size() > limits_.target.count) return refuse(Refusal::target_too_long);
    head_.target = value;
  } else if (name == ":authority" && !value.empty()) {
    add_host(value);
    host_is_authority_ = true;
  }
}

// Between who goes by the one and who goes by the other, requests are smuggled.
void H2Head::add_host(std::string_view value) {
  if (!has_host_) {
    has_host_ = true;
    if (!is_host(value) || !head_.headers.add("Host", value)) refuse(Refusal::host);
  } else if (!host_is_authority_ || !equals_ignoring_case(*head_.headers.get("Host"), value)) {
    refuse(Refusal::host);
  }
}

void H2Head::add_regular(std::string_view name, std::string_view value) {
  switch (name.size()) {
    case 4:
      if (name == "host") return add_host(value);
      break;
    case 6:
      if (name == "cookie") {
        if (!cookie_.empty()) cookie_.append("; ");
        cookie_.append(value);
        return;
      }
      if (name != "expect") break;
      if (!equals_ignoring_case(value, "100-continue")) return refuse(Refusal::expectation);
      expects_continue_ = true;
      break;
    case 14:
      if (name != "content-length") break;
      length_seen_ = true;
      body_length_.kind = BodyLength::Kind::known;
      if (std::from_chars(value.data(), value.data() + value.size(), body_length_.bytes).ec != std::errc{}) {
        return refuse(Refusal::content_length);
      }
      break;
    default: break;
  }
  if (!head_.headers.add(name, value)) refuse(Refusal::field);
}

Refusal H2Head::complete(bool ends_stream) {
  if (refusal_ != Refusal::none) return refusal_;
  if (!cookie_.empty()) head_.headers.add("cookie", cookie_);
  if (!has_host_) return Refusal::host;
  if (!std::ranges::all_of(head_.target, is_target_character) || !settle_target(head_))
    return Refusal::target;
  if (ends_stream) {
    body_length_ = length_seen_ ? body_length_ : BodyLength::none();
  } else if (!length_seen_) {
    body_length_ = BodyLength::chunked();
  }
  if (body_length_.kind == BodyLength::Kind::known && body_length_.bytes > limits_.body.count) {
    return Refusal::body_too_large;
  }
  expects_continue_ = expects_continue_ && !ends_stream;
  return Refusal::none;
}

void H2Head::begin_trailers() {
  bytes_ = 0;
  fields_ = 0;
  refusal_ = Refusal::none;
}

bool H2Head::add_trailer(Headers& trailers, std::string_view name, std::string_view value) {
  if (!count(name, value) || ++fields_ > limits_.fields) return false;
  for (const std::string_view forbidden : {"content-length", "transfer-encoding", "host"}) {
    if (name == forbidden) return false;
  }
  return trailers.add(name, value);
}

}  // namespace weir::http::internal

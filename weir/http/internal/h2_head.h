// The fields of one HTTP/2 request, brought into a RequestHead, under the same
// limits and rules as a head of HTTP/1. nghttp2 has seen to the grammar of
// names and values, the order and number of pseudo-header fields, and that none
// is the connection's own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "weir/http/message.h"
#include "weir/http/parser.h"
#include "weir/http/refusal.h"

namespace weir::http::internal {

class H2Head {
 public:
  H2Head(const Parser::Limits& limits, RequestHead& head) : limits_(limits), head_(head) {}
  H2Head(const H2Head&) = delete;
  H2Head& operator=(const H2Head&) = delete;

  // Clears the head.
  void begin();
  // What is wrong with it is told by complete(); what is beyond the limits is not kept.
  void add(std::string_view name, std::string_view value);
  // `ends_stream`: no body follows.
  Refusal complete(bool ends_stream);

  // Far beyond the limit: 431 would not stop it.
  bool is_flood() const { return bytes_ > kFloodFactor * limits_.head.count; }

  // Of a complete one.
  BodyLength body_length() const { return body_length_; }
  bool expects_continue() const { return expects_continue_; }

  // After the body: under the same limits, counted from begin_trailers().
  void begin_trailers();
  // False: refused.
  bool add_trailer(Headers& trailers, std::string_view name, std::string_view value);

 private:
  static constexpr std::uint64_t kFloodFactor = 8;

  bool count(std::string_view name, std::string_view value);
  void refuse(Refusal refusal) {
    if (refusal_ == Refusal::none) refusal_ = refusal;
  }
  void add_pseudo(std::string_view name, std::string_view value);
  void add_regular(std::string_view name, std::string_view value);
  void add_host(std::string_view value);

  const Parser::Limits& limits_;
  RequestHead& head_;
  std::string cookie_;  // crumbs, joined (RFC 9113 section 8.2.3)
  std::uint64_t bytes_ = 0;
  std::uint32_t fields_ = 0;
  Refusal refusal_ = Refusal::none;
  BodyLength body_length_;
  bool has_host_ = false;
  bool host_is_authority_ = false;
  bool length_seen_ = false;
  bool expects_continue_ = false;
};

}  // namespace weir::http::internal

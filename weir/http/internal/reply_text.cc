#include "weir/http/internal/reply_text.h"

#include <array>
#include <charconv>
#include <ctime>

namespace weir::http::internal {
namespace {

void append_number(std::string& out, std::uint64_t number, int base = 10) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
  out.append(digits.data(), end);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void append_status_line(std::string& out, int status, std::string_view reason) {
  if (status == 200 && reason.empty()) {
    out.append("HTTP/1.1 200 OK\r\n");
    return;
  }
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<std::uint64_t>(status));
  // The blank stays when there is no phrase (RFC 9112 section 4).
  out.append(" ").append(reason.empty() ? standard_reason(status) : reason).append("\r\n");
}

void append_framing(std::string& out, const ReplyFraming& framing) {
  if (framing.length.kind == BodyLength::Kind::known) {
    out.append("Content-Length: ");
    append_number(out, framing.length.bytes);
    out.append("\r\n");
  } else if (framing.length.kind == BodyLength::Kind::chunked) {
    out.append("Transfer-Encoding: chunked\r\n");
  }
  if (framing.connection == ConnectionField::close) out.append("Connection: close\r\n");
  if (framing.connection == ConnectionField::keep_alive) out.append("Connection: keep-alive\r\n");
}

struct CachedDate {
  std::time_t second = -1;
  std::string text;
};
thread_local CachedDate cached_date;

}  // namespace

bool is_of_connection(std::string_view name) {
  switch (name.size()) {
    case 7: return equals_ignoring_case(name, "Upgrade");
    case 10: return equals_ignoring_case(name, "Connection") || equals_ignoring_case(name, "Keep-Alive");
    case 14: return equals_ignoring_case(name, "Content-Length");
    case 16: return equals_ignoring_case(name, "Proxy-Connection");
    case 17: return equals_ignoring_case(name, "Transfer-Encoding");
    default: return false;
  }
}

void append_head(std::string& out, const ResponseHead& head, const ReplyFraming& framing) {
  append_status_line(out, head.status, head.reason);
  bool dated = false;
  head.headers.append_to(out, [&dated](const Headers::Field& field) {
    if (is_of_connection(field.name)) return false;
    dated = dated || equals_ignoring_case(field.name, "Date");
    return true;
  });
  if (!dated) append_field(out, "Date", http_date());
  append_framing(out, framing);
  out.append("\r\n");
}

void append_upgrade(std::string& out, const ResponseHead& head) {
  append_status_line(out, head.status, head.reason);
  head.headers.append_to(out, [](const Headers::Field& field) {
    return !is_of_connection(field.name) || equals_ignoring_case(field.name, "Upgrade");
  });
  out.append("Connection: upgrade\r\n\r\n");
}

std::string refusal_body(Refusal refusal) {
  const RefusalFacts& row = facts(refusal);
  std::string body = R"({"error":{"status":)";
  append_number(body, static_cast<std::uint64_t>(row.status));
  // Neither holds anything that JSON would have escaped.
  body.append(R"(,"reason":")").append(row.label);
  body.append(R"(","message":")").append(row.message).append("\"}}\n");
  return body;
}

void append_refusal(std::string& out, Refusal refusal, const RefusalOptions& options) {
  const RefusalFacts& row = facts(refusal);
  const std::string body = refusal_body(refusal);
  append_status_line(out, row.status, {});
  append_field(out, "Content-Type", "application/json");
  append_field(out, "Date", http_date());
  if (row.status == 503) append_field(out, "Retry-After", "1");
  append_framing(out, {.length = BodyLength::known(body.size()),
                       .connection = options.close ? ConnectionField::close : ConnectionField::none});
  out.append("\r\n");
  if (options.with_body) out.append(body);
}

void append_chunk_size(std::string& out, std::size_t bytes) {
  append_number(out, bytes, 16);
  out.append("\r\n");
}

void append_last_chunk(std::string& out, const Headers* trailers) {
  out.append("0\r\n");
  if (trailers != nullptr) {
    trailers->append_to(out, [](const Headers::Field& field) { return !is_of_connection(field.name); });
  }
  out.append("\r\n");
}

// Not inlined: a coroutine must not keep the address of a thread's variable
// across a suspension.
[[gnu::noinline]] std::string_view http_date() {
  const std::time_t second = std::time(nullptr);
  if (second != cached_date.second) {
    cached_date.text = format_http_date(second);
    cached_date.second = second;
  }
  return cached_date.text;
}

std::string format_http_date(std::int64_t unix_seconds) {
  // strftime would use the names of the locale.
  constexpr std::array<std::string_view, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = unix_seconds;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::string text;
  const auto two_digits = [&text](int number) {
    if (number < 10) text.push_back('0');
    append_number(text, static_cast<std::uint64_t>(number));
  };
  text.append(kDays[static_cast<std::size_t>(utc.tm_wday)]).append(", ");
  two_digits(utc.tm_mday);
  text.append(" ").append(kMonths[static_cast<std::size_t>(utc.tm_mon)]).append(" ");
  append_number(text, static_cast<std::uint64_t>(utc.tm_year) + 1900);
  text.append(" ");
  two_digits(utc.tm_hour);
  text.append(":");
  two_digits(utc.tm_min);
  text.append(":");
  two_digits(utc.tm_sec);
  return text.append(" GMT");
}

}  // namespace weir::http::internal

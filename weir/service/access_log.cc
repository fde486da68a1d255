#include "weir/service/access_log.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <array>
#include <chrono>
#include <ctime>
#include <iterator>

#include "weir/base/json_text.h"

namespace weir::service {
namespace {

// Of what a client chooses, so much: a line has a bound like everything else.
constexpr std::size_t kTextMax = 1024;

std::string_view cut(std::string_view text) { return text.substr(0, kTextMax); }

double ms(Duration duration) { return static_cast<double>(duration.count()) * 1e-6; }

std::tm utc_of(std::int64_t unix_ns) {
  const auto seconds = static_cast<std::time_t>(unix_ns / 1'000'000'000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return utc;
}

// In quotes, so that no text can end its field or its line.
void append_quoted(std::string_view text, std::string& out) {
  out.push_back('"');
  for (const char c : cut(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\' || byte < 0x20 || byte >= 0x7F) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

void append_field(const http::RequestHead& request, std::string_view name, std::string& out) {
  append_quoted(request.headers.get(name).value_or("-"), out);
}

// "192.0.2.1", "2001:db8::1", as SocketAddress::host(), and takes no memory for it.
class HostText {
 public:
  explicit HostText(const net::SocketAddress& address) {
    const sockaddr* const native = address.native();
    const void* const bytes =
        address.is_ipv6()
            ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(native)->sin6_addr)
            : &reinterpret_cast<const sockaddr_in*>(native)->sin_addr;
    inet_ntop(native->sa_family, bytes, text_.data(), text_.size());
  }
  std::string_view view() const { return text_.data(); }

 private:
  std::array<char, INET6_ADDRSTRLEN> text_{};
};

thread_local std::string line_of_thread;

// Not inlined: see http_date().
[[gnu::noinline]] std::string& warm_line() {
  line_of_thread.clear();
  return line_of_thread;
}

}  // namespace

void append_json_line(const AccessEntry& entry, std::int64_t unix_ns, std::string& out) {
  const std::tm utc = utc_of(unix_ns);
  const auto to = std::back_inserter(out);
  const auto text = [&out](std::string_view name, std::string_view value) {
    out.append(",\"").append(name).append("\":");
    append_json_string(cut(value), out);
  };
  fmt::format_to(to, R"({{"time":"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z")", utc.tm_year + 1900,
                 utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                 unix_ns / 1'000'000 % 1'000);
  text("client", HostText(entry.client).view());
  text("method", entry.request.method);
  text("target", entry.request.target);
  fmt::format_to(to, R"(,"version":"1.{}","status":{},"bytes":{},"duration_ms":{:.3f})",
                 entry.request.version_minor, entry.status, entry.bytes, ms(entry.took));
  if (!entry.upstream.empty()) text("upstream", entry.upstream);
  if (entry.upstream_took >= Duration::zero()) {
    fmt::format_to(to, R"(,"upstream_ms":{:.3f})", ms(entry.upstream_took));
  }
  text("outcome", entry.outcome);
  if (!entry.id.empty()) text("request_id", entry.id);
  if (!entry.tenant.empty()) text("tenant", entry.tenant);
  out.push_back('}');
}

void append_combined_line(const AccessEntry& entry, std::int64_t unix_ns, std::string& out) {
  static constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::tm utc = utc_of(unix_ns);
  const auto to = std::back_inserter(out);
  fmt::format_to(to, "{} - - [{:02}/{}/{:04}:{:02}:{:02}:{:02} +0000] ", HostText(entry.client).view(),
                 utc.tm_mday, kMonths[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour,
                 utc.tm_min, utc.tm_sec);
  // The request line as one text: what is in it is escaped as a whole.
  append_quoted(entry.request.method, out);
  out.back() = ' ';
  const std::size_t target = out.size();
  append_quoted(entry.request.target, out);
  out.erase(target, 1);
  out.pop_back();
  fmt::format_to(to, " HTTP/1.{}\" {} {} ", entry.request.version_minor, entry.status, entry.bytes);
  append_field(entry.request, "Referer", out);
  out.push_back(' ');
  append_field(entry.request, "User-Agent", out);
  fmt::format_to(to, " {:.3f} {} {}", ms(entry.took) * 1e-3, entry.outcome,
                 entry.id.empty() ? "-" : entry.id);
}

void AccessLog::add(const AccessEntry& entry) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t unix_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  std::string& line = warm_line();
  if (format_ == Format::json) {
    append_json_line(entry, unix_ns, line);
  } else {
    append_combined_line(entry, unix_ns, line);
  }
  (void)lines_.add(line);
}

}  // namespace weir::service

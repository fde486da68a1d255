// A line for each request that was answered, or given up: who asked for what, what
// became of it, how long it took. Written by the side (observe/line_log.h): a request
// never waits for it, and what there is no room for is counted instead.
//
// json, a line each:
//
//   {"time":"2026-01-31T12:00:00.123Z","client":"192.0.2.1","method":"GET","target":"/v1/x",
//    "version":"1.1","status":200,"bytes":512,"duration_ms":1.25,"upstream":"catalog",
//    "upstream_ms":1.01,"outcome":"forwarded","request_id":"4be1...","tenant":"acme"}
//
// combined: what web servers agree on, and behind it duration, outcome and id.
//
// Callable by tasks on any processor; allocates nothing once a thread is warm.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/http/message.h"
#include "weir/net/address.h"
#include "weir/observe/line_log.h"
#include "weir/service/config.h"

namespace weir::service {

struct AccessEntry {
  const http::RequestHead& request;  // as far as it came
  const net::SocketAddress& client;
  int status = 0;  // 0: the client was gone before there was one
  std::uint64_t bytes = 0;
  Duration took = {};
  std::string_view upstream = {};         // empty: none was asked
  Duration upstream_took = Duration(-1);  // to the head of its reply; below 0: it has not replied
  std::string_view outcome = {};          // an Outcome, or why the server refused it
  std::string_view id = {};
  std::string_view tenant = {};
};

class AccessLog {
 public:
  enum class Format : std::uint8_t { json, combined };

  AccessLog(const AccessLogConfig& config, unsigned processors)
      : format_(config.format == "combined" ? Format::combined : Format::json),
        lines_({.path = config.path == "stdout" ? std::string() : config.path, .buffer = config.buffer},
               processors) {}

  void add(const AccessEntry& entry);
  observe::LineLog& lines() { return lines_; }
  const observe::LineLog& lines() const { return lines_; }

 private:
  const Format format_;
  observe::LineLog lines_;
};

// Appended to `out`, without a line's end. `unix_ns`: the time of day.
void append_json_line(const AccessEntry& entry, std::int64_t unix_ns, std::string& out);
void append_combined_line(const AccessEntry& entry, std::int64_t unix_ns, std::string& out);

}  // namespace weir::service

// Where a load run sends its requests, as the command line has it.
//
//   const auto url = TargetUrl::parse("http://localhost:8080/items?page=1");
//
// Text only: no name is resolved here.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace weir::load {

struct TargetUrl {
  std::string host;  // IPv6 without its brackets
  std::uint16_t port = 80;
  std::string target = "/";  // path and query
  bool tls = false;          // https

  // For Host: "localhost:8080", "[::1]"; the port where it is not the scheme's.
  std::string authority() const;

  // "http[s]://host[:port][/path][?query]"; a fragment is left out. Error: text.
  static std::expected<TargetUrl, std::string> parse(std::string_view text);

  bool operator==(const TargetUrl&) const = default;
};

}  // namespace weir::load

// What the verbs that send requests have in common: where to, and which.
#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "weir/load/load.h"
#include "weir/load/target_url.h"
#include "weir/net/address.h"

namespace CLI {
class App;
}

namespace weir::tools {

class LoadTargetOptions {
 public:
  // URL, method, fields, body, mix, in-flight bound, timeout, seed.
  void add(CLI::App& verb);
  // Fills what they say into `load`. Throws CLI::ValidationError for what is
  // wrong, also for a name without an address.
  void apply(load::LoadOptions& load) const;

  const std::string& url() const { return url_; }

 private:
  load::RequestMix mix(const std::string& target) const;
  void apply_tls(const load::TargetUrl& target, load::LoadOptions& load) const;

  std::string url_;
  std::string mix_file_;
  std::string method_ = "GET";
  std::vector<std::string> headers_;
  std::string body_;
  std::string authorities_;
  bool insecure_ = false;
  std::string body_file_;
  std::uint32_t inflight_max_ = load::LoadOptions{.mix = load::RequestMix({{}})}.inflight_max;
  std::optional<std::uint32_t> open_ahead_;
  bool http2_ = false;
  Duration timeout_ = 10s;
  Duration timely_ = 1ms;
  std::uint64_t seed_ = 1;
};

// Of a host, by name or number: the first of its addresses that takes a connection to
// that port, and the first of all where none does; blocks. A CLI::ValidationError of that
// option for a name without one.
net::SocketAddress address_of(const char* option, const std::string& host, std::uint16_t port);

// The whole content, or a CLI::ValidationError of that option.
std::string read_file_of(const char* option, const std::string& path);
// False: said on stderr, in the name of `program`.
bool write_result(const char* program, const std::string& path, const std::string& content);

// The value, or a usage error of that option with the text.
template <typename T>
T or_usage(const char* option, std::expected<T, std::string> value);
[[noreturn]] void refuse_option(const char* option, const std::string& why);

template <typename T>
T or_usage(const char* option, std::expected<T, std::string> value) {
  if (!value) refuse_option(option, value.error());
  if constexpr (!std::is_void_v<T>) return std::move(*value);
}

}  // namespace weir::tools

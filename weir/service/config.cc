#include "weir/service/config.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "weir/service/internal/config_reader.h"
#include "weir/service/internal/text.h"
#include "weir/service/internal/yaml_tree.h"

namespace weir::service {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

Fault read_fault(int code) {
  Fault fault{fmt::format("cannot be read: {}", std::generic_category().message(code))};
  if (code == ENOENT) fault.hint = "is the path right?";
  if (code == EISDIR) fault.hint = "name a file";
  return fault;
}

Fault too_large() { return {"larger than 1 MiB", "a bounds file is some lines long: is it the right file?"}; }

// At most one byte more than allowed is read, so that an endless file ends.
std::expected<std::string, Fault> read_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::unexpected(read_fault(errno));
  std::string text(kConfigBytesMax.count + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = read(file, text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int code = errno;
      close(file);
      return std::unexpected(read_fault(code));
    }
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  close(file);
  if (size > kConfigBytesMax.count) return std::unexpected(too_large());
  text.resize(size);
  return text;
}

std::unexpected<Diagnostics> refuse(Diagnostics& findings, Place place, Fault fault) {
  findings.error(place, std::move(fault));
  return std::unexpected(std::move(findings));
}

}  // namespace

const UpstreamConfig* GatewayConfig::find_upstream(std::string_view name) const {
  const auto found = std::ranges::find(upstreams, name, &UpstreamConfig::name);
  return found == upstreams.end() ? nullptr : &*found;
}

Parsed parse_config(std::string file, std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (text.size() > kConfigBytesMax.count) {
    Diagnostics findings(std::move(file), "");
    return refuse(findings, {}, too_large());
  }
  if (auto wrong = internal::find_text_fault(text)) {
    Diagnostics findings(std::move(file), "");  // the source is not fit to be shown
    return refuse(findings, place_of(text, wrong->offset), std::move(wrong->fault));
  }
  Diagnostics findings(std::move(file), std::string(text));
  const internal::YamlTree tree = internal::parse_yaml(text, findings);
  GatewayConfig config = internal::read_config(tree, findings);
  findings.sort();
  if (findings.errors() > 0) return std::unexpected(std::move(findings));
  return CheckedConfig{.config = std::move(config), .warnings = std::move(findings)};
}

Parsed load_config(const std::string& path) {
  auto text = read_file(path);
  if (text) return parse_config(path, *text);
  Diagnostics findings(path, "");
  return refuse(findings, {}, std::move(text.error()));
}

}  // namespace weir::service

#include "weir/service/config.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "weir/service/internal/config_reader.h"
#include "weir/service/yaml_file.h"

namespace weir::service {
namespace {

Parsed checked(const std::optional<YamlTree>& tree, Diagnostics findings) {
  if (!tree) return std::unexpected(std::move(findings));
  GatewayConfig config = internal::read_config(*tree, findings);
  findings.sort();
  if (findings.errors() > 0) return std::unexpected(std::move(findings));
  return CheckedConfig{.config = std::move(config), .warnings = std::move(findings)};
}

}  // namespace

const UpstreamConfig* GatewayConfig::find_upstream(std::string_view name) const {
  const auto found = std::ranges::find(upstreams, name, &UpstreamConfig::name);
  return found == upstreams.end() ? nullptr : &*found;
}

Parsed parse_config(std::string file, std::string_view text) {
  Diagnostics findings;
  const std::optional<YamlTree> tree = parse_yaml(std::move(file), text, findings);
  return checked(tree, std::move(findings));
}

Parsed load_config(const std::string& path) {
  Diagnostics findings;
  const std::optional<YamlTree> tree = load_yaml(path, findings);
  return checked(tree, std::move(findings));
}

}  // namespace weir::service

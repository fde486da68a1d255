#include "weir/service/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "weir/service/internal/config_reader.h"
#include "weir/service/tls_setup.h"
#include "weir/service/yaml_file.h"
#include "weir/service/yaml_overlay.h"

namespace weir::service {
namespace {

Parsed checked(std::optional<YamlTree> tree, Diagnostics findings) {
  if (!tree) return std::unexpected(std::move(findings));
  GatewayConfig config = internal::read_config(*tree, findings);
  findings.sort();
  if (findings.errors() > 0) return std::unexpected(std::move(findings));
  return CheckedConfig{
      .config = std::move(config), .warnings = std::move(findings), .tree = std::move(tree->root)};
}

// Puts the file that `read` gives on `tree`.
template <typename Read>
void put_file_over(std::optional<YamlTree>& tree, Diagnostics& findings, Read read) {
  Diagnostics found;
  std::optional<YamlTree> over = read(found);
  const std::uint32_t file = findings.add_file(std::move(found));
  if (!over) {
    tree.reset();
    return;
  }
  set_file(over->root, file);
  if (tree) put_over(*tree, std::move(*over), findings);
}

// What only reading the files can tell.
Parsed with_files_checked(Parsed parsed) {
  if (!parsed) return parsed;
  Diagnostics& findings = parsed->warnings;
  check_tls_files(parsed->config, parsed->tree, findings, std::chrono::system_clock::now());
  findings.sort();
  if (findings.errors() > 0) return std::unexpected(std::move(findings));
  return parsed;
}

}  // namespace

const UpstreamConfig* GatewayConfig::find_upstream(std::string_view name) const {
  const auto found = std::ranges::find(upstreams, name, &UpstreamConfig::name);
  return found == upstreams.end() ? nullptr : &*found;
}

Parsed parse_config(std::string file, std::string_view text) {
  Diagnostics findings;
  std::optional<YamlTree> tree = parse_yaml(std::move(file), text, findings);
  return checked(std::move(tree), std::move(findings));
}

Parsed load_config(const std::string& path) { return load_config(path, {}); }

Parsed parse_config(const ConfigText& base, std::span<const ConfigText> overlays) {
  Diagnostics findings;
  std::optional<YamlTree> tree = parse_yaml(base.file, base.text, findings);
  for (const ConfigText& overlay : overlays) {
    put_file_over(tree, findings,
                  [&](Diagnostics& found) { return parse_yaml(overlay.file, overlay.text, found); });
  }
  return checked(std::move(tree), std::move(findings));
}

Parsed load_config(const std::string& path, std::span<const std::string> overlays) {
  Diagnostics findings;
  std::optional<YamlTree> tree = load_yaml(path, findings);
  if (overlays.size() > kOverlaysMax) {
    findings.error({}, {fmt::format("{} overlays are put on it", overlays.size()),
                        fmt::format("at most {}", kOverlaysMax)});
    overlays = overlays.first(kOverlaysMax);
  }
  for (const std::string& overlay : overlays) {
    put_file_over(tree, findings, [&](Diagnostics& found) { return load_yaml(overlay, found); });
  }
  return with_files_checked(checked(std::move(tree), std::move(findings)));
}

}  // namespace weir::service

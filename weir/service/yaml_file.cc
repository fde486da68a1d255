#include "weir/service/yaml_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <expected>
#include <system_error>
#include <utility>

#include "weir/service/text.h"

namespace weir::service {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

Fault read_fault(int code) {
  Fault fault{fmt::format("cannot be read: {}", std::generic_category().message(code))};
  if (code == ENOENT) fault.hint = "is the path right?";
  if (code == EISDIR) fault.hint = "name a file";
  return fault;
}

Fault too_large() { return {"larger than 1 MiB", "such a file is some lines long: is it the right one?"}; }

// At most one byte more than allowed is read, so that an endless file ends.
std::expected<std::string, Fault> read_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::unexpected(read_fault(errno));
  std::string text(kYamlBytesMax.count + 1, '\0');
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
  if (size > kYamlBytesMax.count) return std::unexpected(too_large());
  text.resize(size);
  return text;
}

std::nullopt_t refuse(Diagnostics& findings, Place place, Fault fault) {
  findings.error(place, std::move(fault));
  return std::nullopt;
}

}  // namespace

std::optional<YamlTree> parse_yaml(std::string file, std::string_view text, Diagnostics& findings) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (text.size() > kYamlBytesMax.count) {
    findings = Diagnostics(std::move(file), "");
    return refuse(findings, {}, too_large());
  }
  if (auto wrong = find_text_fault(text)) {
    findings = Diagnostics(std::move(file), "");  // the source is not fit to be shown
    return refuse(findings, place_of(text, wrong->offset), std::move(wrong->fault));
  }
  findings = Diagnostics(std::move(file), std::string(text));
  return parse_yaml(text, findings);
}

std::optional<YamlTree> load_yaml(const std::string& path, Diagnostics& findings) {
  auto text = read_file(path);
  if (text) return parse_yaml(path, *text, findings);
  findings = Diagnostics(path, "");
  return refuse(findings, {}, std::move(text.error()));
}

}  // namespace weir::service

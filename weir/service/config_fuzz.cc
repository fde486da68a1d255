// Any bytes as a bounds file: reading them ends, and ends in a configuration or
// in mistakes that have a place and can be printed.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "weir/base/check.h"
#include "weir/service/check_report.h"
#include "weir/service/config.h"
#include "weir/service/text.h"
#include "weir/service/yaml_file.h"

namespace {

using namespace weir::service;

void check_findings(const Diagnostics& findings, std::string_view text) {
  const auto lines = static_cast<std::uint32_t>(std::ranges::count(text, '\n')) + 1;
  WEIR_CHECK(findings.items().size() <= Diagnostics::kKeptMax, "more findings than are kept");
  for (const Diagnostic& item : findings.items()) {
    WEIR_CHECK(!item.fault.message.empty(), "a finding without words");
    WEIR_CHECK(item.place && item.place.column > 0, "a finding without a place");
    WEIR_CHECK(item.place.line <= lines + 1, "a line that the file does not have");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.size() > kYamlBytesMax.count) return 0;  // refused as a whole, without a place
  const Parsed parsed = parse_config("f", text);
  if (parsed) {
    WEIR_CHECK(parsed->warnings.errors() == 0, "an error in a file that was found right");
    check_findings(parsed->warnings, text);
  } else {
    WEIR_CHECK(parsed.error().errors() > 0, "refused without an error");
    check_findings(parsed.error(), text);
  }
  const std::string report = check_report("f", parsed, Colour::no);
  WEIR_CHECK(!find_text_fault(report), "a report that is no plain text");
  const std::string json = check_json("f", parsed);
  WEIR_CHECK(json.find('\n') == json.size() - 1, "JSON of more than one line");
  return 0;
}

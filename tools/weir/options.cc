#include "tools/weir/options.h"

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

namespace weir::tools {
namespace {

template <typename Value>
void add_parsed(CLI::App& verb, const char* name, Value& into, const char* help, const char* type,
                std::optional<Value> (*parse)(std::string_view), const char* wrong) {
  verb.add_option_function<std::string>(
          name,
          [name, &into, parse, wrong](const std::string& text) {
            const std::optional<Value> value = parse(text);
            if (!value || *value == Value{}) throw CLI::ValidationError(name, "\"" + text + "\" " + wrong);
            into = *value;
          },
          help)
      ->type_name(type);
}

}  // namespace

void add_size(CLI::App& verb, const char* name, Bytes& into, const char* help) {
  add_parsed(verb, name, into, help, "SIZE", parse_bytes, "is no size such as 500KB or 4GiB");
}

void add_duration(CLI::App& verb, const char* name, Duration& into, const char* help) {
  add_parsed(verb, name, into, help, "TIME", parse_duration, "is no time such as 250ms or 10s");
}

}  // namespace weir::tools

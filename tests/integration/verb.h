// A verb of `weir`, run to its end.
//
//   const Ended ended = run_verb("hold", {"--tasks", "5000", "--json"});
//   EXPECT_EQ(ended.code, 0) << ended.err;
//   EXPECT_EQ(ended.number("completed"), 5000);
#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/integration/process.h"

namespace weir::testing {

struct Ended {
  std::optional<int> code;
  std::string out;
  std::string err;

  // Fields of the line of JSON on stdout; -1 and "": there is none.
  double number(std::string_view name) const { return field<double>(name).value_or(-1); }
  std::string text(std::string_view name) const {
    return std::string(field<std::string_view>(name).value_or(""));
  }

 private:
  template <typename Value>
  std::optional<Value> field(std::string_view name) const {
    static thread_local simdjson::dom::parser parser;  // a text it gives lies in it
    Value value{};
    if (parser.parse(out).at_key(name).get(value) != simdjson::SUCCESS) return std::nullopt;
    return value;
  }
};

inline Ended wait_for_end(Process& program) {
  Ended ended{.code = program.wait(60s)};
  ended.out = program.out();
  ended.err = program.err();
  return ended;
}

inline std::vector<std::string> verb_command(const char* verb, std::vector<std::string> words) {
  words.insert(words.begin(), {WEIR_PROGRAM, verb});
  return words;
}

inline Ended run_verb(const char* verb, std::vector<std::string> words) {
  Process program(verb_command(verb, std::move(words)));
  return wait_for_end(program);
}

}  // namespace weir::testing

#include "weir/base/json_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

namespace weir {
namespace {

TEST(JsonWriter, PutsCommasWhereTheyBelong) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().field("id", 7).key("tags").begin_array().value("a").value("b").end_array();
  json.key("none").begin_object().end_object().key("list").begin_array().begin_array().end_array().value(1);
  json.end_array().end_object();
  EXPECT_EQ(out, R"({"id":7,"tags":["a","b"],"none":{},"list":[[],1]})");
}

TEST(JsonWriter, WritesEachKindOfValue) {
  std::string out;
  JsonWriter json(out);
  json.begin_array().value(true).value(false).value(nullptr).value(-1).value(1.5).value(0.1);
  json.value(std::numeric_limits<std::uint64_t>::max()).value(std::numeric_limits<std::int64_t>::min());
  json.value("q\"\\\n").value(std::string("s")).value(std::optional<int>()).value(std::optional<int>(3));
  json.value(std::nan("")).value(INFINITY).raw("{}").end_array();
  EXPECT_EQ(out,
            "[true,false,null,-1,1.5,0.1,18446744073709551615,-9223372036854775808,"
            "\"q\\\"\\\\\\u000a\",\"s\",null,3,null,null,{}]");
}

}  // namespace
}  // namespace weir

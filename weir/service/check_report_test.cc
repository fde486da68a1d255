#include "weir/service/check_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "weir/service/config.h"

namespace weir::service {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kRight = R"(service: shop
bounds:
  inflight: { limit: 200, queue: { depth: 400, wait: 50ms }, because: "a \"quote\"" }
  tenant: { key: "header:X-T", inflight: 20 }
upstreams:
  catalog: { url: "http://a", inflight: 50, timeout: 2s, because: its pool }
  demo: { url: "embedded:demo", inflight: 7, because: demo }
routes: [{ match: /, upstream: catalog }, { match: /d, upstream: demo }]
)";

TEST(CheckReport, ShowsTheBoundsOfARightFileAndItsWarnings) {
  EXPECT_EQ(
      check_report("f", parse_config("f", kRight), Colour::no),
      R"(f:4:3: warning: bounds.tenant does not say why it has this size; add because: "...", for whoever has to change it
    4 |   tenant: { key: "header:X-T", inflight: 20 }
      |   ^

  shop listens on 127.0.0.1:8080, admin on 127.0.0.1:9090

  bound               limit  queue         because
  inflight              200  400 for 50ms  a "quote"
  tenant, by X-T         20  none          -
  upstream catalog       50  none          its pool
  upstream demo           7  none          demo

  / -> catalog, http://a:80, timeout 2s
  /d -> demo, embedded:demo, timeout 10s

f: ok, 1 warning
)");
}

TEST(CheckReport, ShowsTheMistakesOfAWrongFileAndCountsThem) {
  EXPECT_EQ(
      check_report("f", parse_config("f", ""), Colour::no),
      "f:1:1: error: the file is empty; weir serve --print-config prints one to start from\n\nf: 1 error\n");
  EXPECT_THAT(check_report("f", parse_config("f", "a: 1\nb: 2\n"), Colour::no), EndsWith("\nf: 6 errors\n"));
}

TEST(CheckReport, IsColouredOnlyWhenAsked) {
  const Parsed right = parse_config("f", kRight);
  EXPECT_THAT(check_report("f", right, Colour::no), Not(HasSubstr("\x1b")));
  EXPECT_THAT(check_report("f", right, Colour::yes), EndsWith("f: \x1b[1;32mok\x1b[0m, 1 warning\n"));
  EXPECT_THAT(check_report("f", parse_config("f", ""), Colour::yes),
              EndsWith("f: \x1b[1;31m1 error\x1b[0m\n"));
}

TEST(CheckJson, IsALineForEachFile) {
  EXPECT_EQ(
      check_json("f", parse_config("f", "")),
      R"({"file": "f", "ok": false, "errors": [{"file": "f", "line": 1, "column": 1, "severity": "error", )"
      R"("message": "the file is empty", "hint": "weir serve --print-config prints one to start from"}], )"
      R"("warnings": []})"
      "\n");
  EXPECT_EQ(
      check_json("f", parse_config("f", kRight)),
      R"({"file": "f", "ok": true, "errors": [], "warnings": [{"file": "f", "line": 4, "column": 3, )"
      R"("severity": "warning", "message": "bounds.tenant does not say why it has this size", "hint": )"
      R"("add because: \"...\", for whoever has to change it"}], "bounds": [)"
      R"({"name": "inflight", "limit": 200, "queue_depth": 400, "queue_wait_ms": 50, "because": "a \"quote\""}, )"
      R"({"name": "tenant", "limit": 20, "queue_depth": 0, "queue_wait_ms": 0, "because": ""}, )"
      R"({"name": "upstream catalog", "limit": 50, "queue_depth": 0, "queue_wait_ms": 0, "because": "its pool"}, )"
      R"({"name": "upstream demo", "limit": 7, "queue_depth": 0, "queue_wait_ms": 0, "because": "demo"}]})"
      "\n");
}

TEST(CheckJson, SaysThatAFileAsAWholeHasNoLine) {
  EXPECT_THAT(check_json("missing", load_config("does/not/exist.yaml")),
              HasSubstr("\"line\": 0, \"column\": 0"));
}

}  // namespace
}  // namespace weir::service

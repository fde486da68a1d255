#include "weir/service/bounds_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::service {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

bounds::Row plain_row() {
  return {.name = "inflight",
          .unit = bounds::Unit::tasks,
          .limit = 200,
          .in_use = 17,
          .peak = 180,
          .queue_depth = 3,
          .queue_limit = 400,
          .admitted = 12'345,
          .refused = {{"queue_full", 4}, {"queue_wait", 5}, {"at_limit", 0}},
          .because = "50 \"database\" connections"};
}

bounds::Row keyed_row() {
  return {.name = "tenant",
          .limit = 20,
          .in_use = 21,
          .peak = 19,
          .admitted = 9,
          .refused = {{"at_limit", 1}},
          .derived_from = "inflight / 10",
          .parent = "inflight",
          .keys = 2,
          .keys_max = 100,
          .top = {{.key = "<shop>", .in_use = 19, .peak = 19, .refused = 1},
                  {.key = "b\x01", .in_use = 2, .peak = 2}}};
}

TEST(BoundsJson, HasOneObjectForEachBound) {
  const std::vector rows{plain_row()};
  EXPECT_EQ(bounds_json("shop-edge", rows),
            "{\"service\":\"shop-edge\",\"bounds\":[{\"name\":\"inflight\",\"unit\":\"tasks\",\"limit\":200,"
            "\"in_use\":17,\"peak\":180,\"queue\":{\"depth\":3,\"limit\":400},\"admitted\":12345,"
            "\"refused\":{\"queue_full\":4,\"queue_wait\":5,\"at_limit\":0},\"refused_total\":9,"
            "\"because\":\"50 \\\"database\\\" connections\"}]}\n");
}

TEST(Bounds, ShowWhatOneUnitMayTakeBesideWhatItsFramesDid) {
  bounds::Row row = plain_row();
  const MeasuredEach measured{{"inflight", Bytes{1536}}, {"other", Bytes{1}}};
  EXPECT_THAT(bounds_json("e", std::vector{row}), Not(HasSubstr("_bytes")));
  EXPECT_THAT(bounds_json("e", std::vector{row}, measured), HasSubstr(",\"frame_bytes\":1536}"));
  EXPECT_THAT(bounds_html("e", std::vector{row}, {}, measured),
              HasSubstr("not declared<small>frames 1.5 KiB"));
  row.each = kibibytes(2);
  EXPECT_THAT(bounds_json("e", std::vector{row}, measured),
              HasSubstr(",\"each_bytes\":2048,\"frame_bytes\":1536}"));
  EXPECT_THAT(bounds_html("e", std::vector{row}), HasSubstr("<td class=\"number\">2.0 KiB</td>"));
}

TEST(BoundsJson, AKeyedBoundShowsWhoUsesMostOfIt) {
  const std::vector rows{keyed_row()};
  const std::string json = bounds_json("e", rows);
  EXPECT_THAT(json, HasSubstr("\"because\":\"\",\"derived_from\":\"inflight / 10\",\"parent\":\"inflight\""));
  EXPECT_THAT(json, HasSubstr("\"keys\":2,\"keys_max\":100,\"top\":["
                              "{\"key\":\"<shop>\",\"in_use\":19,\"peak\":19,\"refused\":1},"
                              "{\"key\":\"b\\u0001\",\"in_use\":2,\"peak\":2,\"refused\":0}]"));
}

TEST(BoundsJson, AnEmptyLedgerIsAnEmptyList) {
  EXPECT_EQ(bounds_json("e", {}), "{\"service\":\"e\",\"bounds\":[]}\n");
}

TEST(BoundsHtml, ShowsUseRefusalsByReasonAndWhy) {
  const std::vector rows{plain_row()};
  const std::string html = bounds_html("shop-edge", rows);
  EXPECT_THAT(html, HasSubstr("<th scope=\"row\">inflight</th>"));
  EXPECT_THAT(html, HasSubstr("3 of 400"));
  EXPECT_THAT(html, HasSubstr("9<small>queue_full 4, queue_wait 5</small>"));
  EXPECT_THAT(html, HasSubstr("50 &quot;database&quot; connections"));
  EXPECT_THAT(html, HasSubstr("http-equiv=\"refresh\" content=\"2\""));
}

TEST(BoundsHtml, ABoundForEachKeySaysSoAndOneWithoutAReasonToo) {
  const std::vector rows{keyed_row()};
  const std::string html = bounds_html("e", rows);
  EXPECT_THAT(html, HasSubstr("for each key"));
  EXPECT_THAT(html, HasSubstr("2 of 100 keys"));
  EXPECT_THAT(html, HasSubstr("<small>under inflight</small>"));
  EXPECT_THAT(html, HasSubstr("nobody said"));
  EXPECT_THAT(html, HasSubstr("<td class=\"number\">none</td>")) << "it has no queue";
}

TEST(BoundsHtml, NoNameOfTheFileIsMarkup) {
  bounds::Row row = plain_row();
  row.name = "<script>";
  row.because = "</td>";
  row.parent = "<p>";
  const std::vector rows{row};
  const std::string html = bounds_html("<b>", rows);
  EXPECT_THAT(html, Not(HasSubstr("<script>")));
  EXPECT_THAT(html, Not(HasSubstr("<p>")));
  EXPECT_THAT(html, Not(HasSubstr("<b>")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;"));
}

TEST(BoundsMetrics, HasASampleForEachNumberOfEachBound) {
  const std::vector rows{plain_row(), keyed_row()};
  observe::Exposition page;
  expose_bounds(rows, page);
  const std::string text = page.text();
  for (const char* line :
       {"# TYPE weir_bound_limit gauge\n", "weir_bound_limit{bound=\"inflight\"} 200\n",
        "weir_bound_in_use{bound=\"inflight\"} 17\n", "weir_bound_peak{bound=\"inflight\"} 180\n",
        "weir_bound_queue_depth{bound=\"inflight\"} 3\n", "weir_bound_queue_limit{bound=\"inflight\"} 400\n",
        "# TYPE weir_bound_admitted_total counter\n", "weir_bound_admitted_total{bound=\"inflight\"} 12345\n",
        "weir_bound_refused_total{bound=\"inflight\",reason=\"queue_wait\"} 5\n",
        "weir_bound_refused_total{bound=\"inflight\",reason=\"at_limit\"} 0\n",
        "weir_bound_limit{bound=\"tenant\"} 20\n", "weir_bound_keys{bound=\"tenant\"} 2\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("weir_bound_keys{bound=\"inflight\"}")));
}

}  // namespace
}  // namespace weir::service

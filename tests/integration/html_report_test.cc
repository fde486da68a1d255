// The reports that `weir` writes for a browser: of real runs, and in a real
// browser where there is one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/integration/http_server_fixture.h"
#include "tests/integration/process.h"
#include "tests/integration/verb.h"
#include "weir/base/sanitizers.h"

namespace weir::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Duration kPatience = 100s;
constexpr const char* kBrowsers[] = {"/usr/bin/chromium", "/usr/bin/chromium-browser",
                                     "/usr/bin/google-chrome"};

core::task<> refuse_every_third(http::Exchange& exchange) {
  static std::atomic<unsigned> number{0};
  const bool refused = number.fetch_add(1) % 3 == 0;
  (void)co_await exchange.respond({.status = refused ? 503 : 200}, "ok");
}

class HtmlReport : public ::testing::Test {
 protected:
  HtmlReport() { std::filesystem::create_directories(folder_); }
  ~HtmlReport() override { std::filesystem::remove_all(folder_); }

  std::string file(const char* name) const { return folder_ / name; }
  static std::string content(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string url() const { return "http://" + server_.address().to_string() + "/"; }

  // A report whose kind of request has that name.
  std::string load_report(const std::string& kind, const char* name, const std::string& path = "") {
    std::ofstream(file("mix.yaml")) << "requests:\n  - {name: '" << kind << "', path: /}\n";
    const Ended ended =
        run_verb("load", {"-r", "200", "-d", "2s", "--timely", "1m", "--mix", file("mix.yaml"), "--html",
                          file(name), "--out", file("run.json"), url() + path});
    EXPECT_EQ(ended.code, 0) << ended.err;
    return file(name);
  }

  // The document after its scripts have run, of a browser without a network.
  std::string dump(const std::string& page) {
    Process browser({browser_(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                     "--no-first-run", "--disable-background-networking", "--disable-component-update",
                     "--disable-sync", "--disable-dev-shm-usage", "--proxy-server=127.0.0.1:9",
                     "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=5000",
                     "--window-size=1280,1000", "--user-data-dir=" + file("profile"), "--dump-dom",
                     "file://" + page});
    EXPECT_EQ(browser.wait(kPatience), 0) << browser.err();
    return browser.out();
  }
  // Why not to start one; empty: nothing stands against it.
  std::string no_browser() const {
    if (kSanitized) return "what a browser does is the same under sanitizers";
    return browser_().empty() ? "there is no chromium" : "";
  }

 private:
  static std::string browser_() {
    const auto found =
        std::ranges::find_if(kBrowsers, [](const char* path) { return ::access(path, X_OK) == 0; });
    return found == std::end(kBrowsers) ? "" : *found;
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("weir_html_" + std::to_string(::getpid()));
  ServerUnderTest server_{refuse_every_third};
};

TEST_F(HtmlReport, FetchesNothing) {
  const std::string page = content(load_report("read", "load.html"));
  EXPECT_THAT(page, HasSubstr("<!doctype html>"));
  EXPECT_GT(page.size(), 50'000u);
  for (const char* fetched :
       {"src=", "href=", "url(", "@import", "<link", "<iframe", "fetch(", "XMLHttpRequest"}) {
    EXPECT_THAT(page, Not(HasSubstr(fetched)));
  }
}

TEST_F(HtmlReport, OfALoadRunDrawsAllItsChartsWithoutANetwork) {
  if (const std::string why = no_browser(); !why.empty()) GTEST_SKIP() << why;
  const std::string document = dump(load_report("read", "load.html"));
  EXPECT_THAT(document, HasSubstr("data-charts=\"5\""));
  EXPECT_THAT(document, HasSubstr("data-charts-wanted=\"5\""));
  EXPECT_THAT(document, HasSubstr("data-errors=\"0\""));
  EXPECT_THAT(document, ContainsRegex("<h1>Asked for 200/s, the server gave [0-9.]+/s good replies"));
  EXPECT_THAT(document, HasSubstr("status 503"));
}

TEST_F(HtmlReport, OfSavedRunsAndTheirComparisonDrawsAllCharts) {
  if (const std::string why = no_browser(); !why.empty()) GTEST_SKIP() << why;
  load_report("read", "load.html");
  const Ended merged = run_verb("load", {"--merge", file("run.json"), "--html", file("merged.html")});
  EXPECT_EQ(merged.code, 0) << merged.err;
  EXPECT_THAT(dump(file("merged.html")), HasSubstr("data-charts=\"5\""));
  const Ended compared =
      run_verb("load", {"--compare", file("run.json"), file("run.json"), "--html", file("c.html")});
  EXPECT_EQ(compared.code, 0) << compared.err;
  EXPECT_THAT(compared.out, ContainsRegex("good a second .*0.00%"));
  const std::string document = dump(file("c.html"));
  EXPECT_THAT(document, HasSubstr("data-charts=\"5\""));
  EXPECT_THAT(document, HasSubstr("data-errors=\"0\""));
}

TEST_F(HtmlReport, OfADrillDrawsAllItsCharts) {
  if (const std::string why = no_browser(); !why.empty()) GTEST_SKIP() << why;
  const Ended drilled =
      run_verb("drill", {url(), "--timely", "1m", "--warm-up", "100ms", "--knee", "50", "--overload", "1s",
                         "--surge", "1s", "--rest", "1s", "--html", file("drill.html")});
  EXPECT_TRUE(drilled.code == 0 || drilled.code == 1) << drilled.err;
  const std::string document = dump(file("drill.html"));
  // Four of each of the two runs, and the distribution.
  EXPECT_THAT(document, HasSubstr("data-charts=\"9\""));
  EXPECT_THAT(document, HasSubstr("data-errors=\"0\""));
  EXPECT_THAT(document, HasSubstr("With a knee said to be 50/s"));
}

TEST_F(HtmlReport, ShowsHostileTextAsText) {
  const std::string hostile = R"(</script><img/src="x"/onerror=document.documentElement.dataset.owned=1>)";
  const std::string page = load_report(hostile, "hostile.html", hostile);
  EXPECT_THAT(content(page), Not(HasSubstr("<img")));
  if (const std::string why = no_browser(); !why.empty()) GTEST_SKIP() << why;
  const std::string document = dump(page);
  EXPECT_THAT(document, HasSubstr("data-charts=\"5\""));
  EXPECT_THAT(document, Not(HasSubstr("data-owned=")));
  EXPECT_THAT(document, Not(HasSubstr("<img")));
  EXPECT_THAT(document, HasSubstr(R"(&lt;/script&gt;&lt;img/src="x"/onerror)"));
}

TEST_F(HtmlReport, ThatCannotBeWrittenIsNoSuccess) {
  const Ended full =
      run_verb("load", {"-r", "100", "-d", "100ms", "--timely", "1m", "--html", "/dev/full", url()});
  EXPECT_EQ(full.code, 4);
  EXPECT_THAT(full.err, HasSubstr("/dev/full: No space left on device"));
}

TEST_F(HtmlReport, ComparisonsOfWhatIsNoRecordAreRefused) {
  std::ofstream(file("none.json")) << "{}";
  const Ended wrong = run_verb("load", {"--compare", file("none.json"), file("none.json")});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("none.json: is not what weir load --out writes"));
  const Ended alone = run_verb("load", {"--compare", file("none.json")});
  EXPECT_EQ(alone.code, 2);
  EXPECT_THAT(alone.err, HasSubstr("two results at least"));
}

}  // namespace
}  // namespace weir::testing

#include "weir/service/html_page.h"

#include <fmt/format.h>

#include "weir/base/json_text.h"

namespace weir::service {
namespace {

constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --line: light-dark(#d5dbe1, #333c45); --soft: light-dark(#5b6773, #9aa7b4); }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem;
       color: light-dark(#17202a, #e4e9ee); background: light-dark(#fff, #12171c); }
header { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; align-items: baseline; margin-bottom: 1.5rem; }
h1 { font-size: 1.3rem; margin: 0; }
header nav a { margin-right: 1rem; }
a { color: light-dark(#0b5cad, #7cb8f2); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .5rem .9rem .5rem 0; border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 500; font-size: .85rem; white-space: nowrap; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
small { display: block; color: var(--soft); font-weight: 400; }
.notice { padding: .7rem 1rem; border: 1px solid light-dark(#b3261e, #f2b8b5);
          background: light-dark(#fdecea, #3b1513); font-weight: 600; }
meter { display: block; width: 6rem; height: .6rem; }
)css";

}  // namespace

std::string html_page(const HtmlPage& page, std::string_view body) {
  std::string service;
  append_html_text(page.service, service);
  std::string reload;
  if (page.reload > Duration::zero()) {
    reload = fmt::format("<meta http-equiv=\"refresh\" content=\"{}\">\n",
                         std::chrono::ceil<std::chrono::seconds>(page.reload).count());
  }
  std::string notice;
  if (!page.notice.empty()) {
    append_html_text(page.notice, notice += "<p class=\"notice\" role=\"alert\">");
    notice += "</p>\n";
  }
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "{}<title>{} - {}</title>\n<style>{}</style>\n</head>\n<body>\n"
      "<header><h1>{} <small>{}</small></h1><nav><a href=\"/\">overview</a><a "
      "href=\"/debug/bounds\">bounds</a>"
      "<a href=\"/metrics\">metrics</a><a href=\"/readyz\">ready</a></nav></header>\n{}{}</body>\n</html>\n",
      reload, page.title, service, kStyle, page.title, service, notice, body);
}

}  // namespace weir::service

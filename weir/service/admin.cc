#include "weir/service/admin.h"

#include <utility>

#include "weir/observe/process.h"
#include "weir/service/bounds_page.h"
#include "weir/service/forwarding.h"
#include "weir/service/html_page.h"

namespace weir::service {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kJson = "application/json";

// A browser asks for text/html by name; curl and scrapers take anything.
bool wants_html(const http::RequestHead& request) {
  const std::string_view target = request.target;
  const std::string_view query = target.substr(std::min(target.find('?'), target.size()));
  if (query == "?format=html") return true;
  if (query == "?format=json") return false;
  return request.headers.get("accept").value_or("").find("text/html") != std::string_view::npos;
}

}  // namespace

core::task<void> Admin::handle(http::Exchange& exchange) {
  http::ResponseHead head;
  Page page;
  const bool reload = options_.reload && path_of(exchange.request().target) == "/-/reload";
  if (reload && exchange.request().method == "POST") {
    ReloadResult result = co_await options_.reload(exchange.context());
    page = {result.ok ? 200 : 409, kText, std::move(result.text)};
  } else if (reload) {
    page = {405, kText, "only POST\n"};
    head.headers.add("Allow", "POST");
  } else if (exchange.request().method == "GET" || exchange.request().method == "HEAD") {
    page = page_for(exchange.request());
  } else {
    page = {405, kText, "only GET and HEAD\n"};
    head.headers.add("Allow", "GET, HEAD");
  }
  head.status = page.status;
  head.headers.add("Content-Type", page.content_type);
  head.headers.add("Cache-Control", "no-store");
  head.headers.add("X-Content-Type-Options", "nosniff");
  (void)co_await exchange.respond(head, page.body);
}

Admin::Page Admin::page_for(const http::RequestHead& request) const {
  const std::string_view path = path_of(request.target);
  if (path == "/healthz") return {200, kText, "ok\n"};
  if (path == "/readyz") {
    return ready_.load(std::memory_order_relaxed) ? Page{200, kText, "ready\n"}
                                                  : Page{503, kText, "not ready\n"};
  }
  if (path == "/metrics") return metrics_page();
  if (path == "/debug/bounds") return bounds_page(request);
  if (path == "/debug/targets" && options_.targets) return {200, kJson, options_.targets()};
  if (path == "/") {
    return {200, kHtml,
            html_page({.service = options_.service, .title = "Overview", .notice = notice()},
                      options_.overview())};
  }
  return {404, kText, "not found; there are / /healthz /readyz /metrics /debug/bounds\n"};
}

Admin::Page Admin::bounds_page(const http::RequestHead& request) const {
  if (options_.proof) {
    const std::string_view target = request.target;
    if (target.ends_with("?proof")) return {200, kText, options_.proof().table()};
    if (target.ends_with("?proof=json")) return {200, kJson, options_.proof().json()};
  }
  const auto rows = options_.ledger.snapshot();
  const MeasuredEach measured = options_.measure ? options_.measure(rows) : MeasuredEach();
  if (wants_html(request)) return {200, kHtml, bounds_html(options_.service, rows, notice(), measured)};
  return {200, kJson, bounds_json(options_.service, rows, measured)};
}

Admin::Page Admin::metrics_page() const {
  observe::Exposition page;
  expose_bounds(options_.ledger.snapshot(), page);
  options_.expose(page);
  observe::expose(observe::read_process_stats(), page);
  return {200, observe::Exposition::content_type(), page.text()};
}

}  // namespace weir::service

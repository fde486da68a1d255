// The operator's side, on a port of its own:
//
//   /              an overview, for people
//   /healthz       200 while the process lives
//   /readyz        200; 503 from the beginning of the drain on
//   /metrics       for Prometheus
//   /debug/bounds  the ledger: a page for browsers, JSON for the rest
//                  (?format=json and ?format=html insist); ?proof: what they allow
//                  at worst against what the machine has, as text, ?proof=json as JSON
//   /debug/targets  what is known of each target of each upstream, as JSON
//   /-/reload      POST: reads the configuration again; 200 and what changed, or
//                  409 and why nothing did
//
// Else only GET and HEAD. What cannot be served is answered with what can.
#pragma once

#include <atomic>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "weir/bounds/ledger.h"
#include "weir/bounds/proof.h"
#include "weir/http/server.h"
#include "weir/observe/exposition.h"
#include "weir/service/bounds_page.h"
#include "weir/service/reload.h"

namespace weir::service {

class Admin final : public http::Handler {
 public:
  struct Options {
    std::string service;
    const bounds::Ledger& ledger;
    // Adds to /metrics what this file does not know. Any processor, several at once.
    std::function<void(observe::Exposition&)> expose;
    // Lines of the overview: what is served where, as HTML.
    std::function<std::string()> overview;
    // What stands at the top of every page for people; empty text: nothing.
    std::function<std::string()> notice;
    // The targets of upstreams, as JSON; none: that is not offered.
    std::function<std::string()> targets;
    // For /debug/bounds?proof; none: that is not offered.
    std::function<bounds::Proof()> proof;
    // Measured anew for /debug/bounds; none: what tasks take is not shown.
    std::function<MeasuredEach(std::span<const bounds::Row>)> measure;
    // Reads the configuration again; none: that is not offered.
    std::function<core::task<ReloadResult>(core::Context&)> reload;
  };

  explicit Admin(Options options) : options_(std::move(options)) {}

  core::task<void> handle(http::Exchange& exchange) override;

  // What /readyz says. Any thread.
  void set_ready(bool ready) { ready_.store(ready, std::memory_order_relaxed); }

 private:
  struct Page {
    int status;
    std::string_view content_type;
    std::string body;
  };

  std::string notice() const { return options_.notice ? options_.notice() : std::string(); }
  Page page_for(const http::RequestHead& request) const;
  Page bounds_page(const http::RequestHead& request) const;
  Page metrics_page() const;

  const Options options_;
  std::atomic<bool> ready_{false};
};

}  // namespace weir::service

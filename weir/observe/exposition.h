// A page of metrics in the Prometheus text format, built anew at each scrape
// from snapshots of whoever has something to tell.
//
//   Exposition page;
//   page.gauge("weir_bound_in_use", "Units held.", {{"bound", "inflight"}}, 17);
//   reply(page.text());
//
// One thread at a time. Calls with the same name become one family; the help
// and the type of the first are kept.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/observe/sharded.h"

namespace weir::observe {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Exposition {
 public:
  Exposition();
  ~Exposition();
  Exposition(const Exposition&) = delete;
  Exposition& operator=(const Exposition&) = delete;

  // Counters only grow; by convention their names end in _total.
  void counter(std::string_view name, std::string_view help, Labels labels, double value);
  void gauge(std::string_view name, std::string_view help, Labels labels, double value);
  void histogram(std::string_view name, std::string_view help, Labels labels,
                 const ShardedHistogram::Snapshot& snapshot);

  std::string text() const;
  static std::string_view content_type() { return "text/plain; version=0.0.4; charset=utf-8"; }

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace weir::observe

// What a bounds file says of tiers: parts of the gateway's own bound for reads, writes,
// background work and the like. Plain values.
#pragma once

#include <string>
#include <vector>

namespace weir::service {

struct TierConfig {
  std::string name;
  double share = 0;   // of what may be inside and wait: its own, whatever the others do; 0: nothing
  double most = 1;    // of the same: what it may have with what it borrows; at least its share
  bool lends = true;  // whether others may have what it does not use
  // Which requests are of this tier, where no header says it.
  std::vector<std::string> paths;    // beginnings of paths; the longest that fits wins
  std::vector<std::string> methods;  // where no path does

  bool operator==(const TierConfig&) const = default;
};

struct TiersConfig {
  std::string header;           // its value is a tier's name; empty: none is asked
  std::string fallback;         // the tier of what nothing else tells
  std::vector<TierConfig> all;  // in the file's order, 1 to 16
  std::string because;

  bool operator==(const TiersConfig&) const = default;
};

}  // namespace weir::service

// Says on stdout, a line of JSON for each set of values, what our histogram
// makes of them: its buckets, values by rank, and .hgrm, once recorded in one
// and once in four that are merged. histograms.js holds it against another.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "weir/base/histogram.h"
#include "weir/base/json_text.h"
#include "weir/base/rng.h"
#include "weir/load/hgrm.h"

namespace weir {
namespace {

constexpr std::size_t kValues = 20'000;
constexpr std::size_t kParts = 4;
constexpr Duration kLeast = 1us;
constexpr Duration kMost = 1h;

struct Set {
  const char* name;
  std::function<Duration(Rng&)> draw;
};

Duration between(Rng& rng, Duration low, Duration high) {
  return low + Duration(static_cast<Duration::rep>(uniform(rng) * static_cast<double>((high - low).count())));
}

// On the edges of buckets, where an index that is off by one would show.
Duration edge(Rng& rng) {
  const auto power = Duration(Duration::rep{1} << (10 + rng.next() % 31));
  return power + Duration(static_cast<Duration::rep>(rng.next() % 3) - 1);
}

const std::vector<Set>& sets() {
  static const std::vector<Set> kSets{
      {"uniform", [](Rng& rng) { return between(rng, kLeast, kMost); }},
      {"uniform in the logarithm",
       [](Rng& rng) {
         const double decades = std::log10(static_cast<double>(kMost / kLeast));
         return Duration(static_cast<Duration::rep>(1e3 * std::pow(10, uniform(rng) * decades)));
       }},
      {"exponential",
       [](Rng& rng) { return std::clamp(exponential(rng, 20ms), Duration(kLeast), Duration(kMost)); }},
      {"bimodal",
       [](Rng& rng) { return rng.next() % 10 == 0 ? between(rng, 2s, 3s) : between(rng, 900us, 1100us); }},
      {"edges", edge},
      {"all the same", [](Rng&) { return Duration(12'345'678); }},
  };
  return kSets;
}

template <typename Each, typename Format>
std::string list(const std::vector<Each>& all, Format format) {
  std::string json = "[";
  for (const Each& each : all) json += (json.size() > 1 ? "," : "") + format(each);
  return json + "]";
}

std::string described(const Histogram& histogram) {
  std::vector<std::pair<std::size_t, Duration>> by_rank;
  for (std::size_t rank = 1; rank <= kValues; rank += rank < 100 || rank > kValues - 100 ? 1 : 97) {
    // A quarter below the rank: no way to round makes another of it.
    by_rank.emplace_back(rank, histogram.quantile((static_cast<double>(rank) - 0.25) / kValues));
  }
  std::string hgrm;
  append_json_string(load::to_hgrm(histogram), hgrm);
  const auto bucket = [](const auto& of) { return fmt::format("[{},{}]", of.first.count(), of.second); };
  const auto ranked = [](const auto& of) { return fmt::format("[{},{}]", of.first, of.second.count()); };
  return fmt::format(R"({{"buckets":{},"by_rank":{},"hgrm":{}}})", list(histogram.parts().buckets, bucket),
                     list(by_rank, ranked), hgrm);
}

std::string line_of(const Set& set) {
  Xoshiro rng(1);
  std::vector<Duration> values;
  Histogram whole;
  std::vector<Histogram> parts(kParts);
  for (std::size_t i = 0; i < kValues; ++i) {
    const Duration value = set.draw(rng);
    values.push_back(value);
    whole.record(value);
    parts[i % kParts].record(value);
  }
  Histogram merged;
  for (const Histogram& part : parts) merged.merge(part);
  return fmt::format(R"({{"name":"{}","values":{},"recorded":{},"merged":{}}})", set.name,
                     list(values, [](Duration value) { return fmt::format("{}", value.count()); }),
                     described(whole), described(merged));
}

}  // namespace
}  // namespace weir

int main() {
  for (const weir::Set& set : weir::sets()) std::puts(weir::line_of(set).c_str());
}

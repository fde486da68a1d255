#include "weir/service/internal/tier_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "weir/service/internal/admission_reader.h"
#include "weir/service/suggest.h"
#include "weir/service/text.h"

namespace weir::service::internal {
namespace {

class TierReader {
 public:
  TierReader(TiersConfig& config, Diagnostics& findings) : config_(config), findings_(findings) {}

  void read(const Section& section);

 private:
  using Told = std::map<std::string, std::string>;  // what tells a tier, and of which it is

  void read_tier(const NamedSection& named);
  void read_numbers(const Section& section, TierConfig& tier);
  void read_words(const Section& section, std::string_view key, Told& told, std::vector<std::string>& out);
  void check_default(const Section& section);

  TiersConfig& config_;
  Diagnostics& findings_;
  Told methods_;
  Told paths_;
};

void TierReader::read_numbers(const Section& section, TierConfig& tier) {
  const Given share = section.read("share", tier.share);
  const Given most = section.read("most", tier.most);
  if (share && most && tier.most < tier.share) {
    findings_.error(most.place, {fmt::format("{} is {}, less than its share, {}", section.name_of("most"),
                                             tier.most, tier.share),
                                 fmt::format("from {} to 1", tier.share)});
  }
  std::string lends = "yes";
  const Given given = section.read("lends", lends);
  if (given && lends != "yes" && lends != "no") {
    findings_.error(given.place, {fmt::format("{} is {}", section.name_of("lends"), in_quotes(lends)),
                                  "\"yes\" or \"no\""});
  }
  tier.lends = lends != "no";
}

void TierReader::read_words(const Section& section, std::string_view key, Told& told,
                            std::vector<std::string>& out) {
  std::string text;
  const Given given = section.read(key, text);
  if (!given) return;
  const bool path = key == "paths";
  for (std::string& word : words_of(text)) {
    if (path ? !word.starts_with('/') : !is_token(word)) {
      findings_.error(given.place, {fmt::format("{} has {} in it, which is no {}", section.name_of(key),
                                                in_quotes(word), path ? "beginning of a path" : "method"),
                                    path ? "for example /batch/" : "for example GET"});
      continue;
    }
    const auto [first, is_new] = told.emplace(word, section.name());
    if (!is_new) {
      findings_.error(given.place, {fmt::format("{} has {} in it, which {} has already", section.name_of(key),
                                                in_quotes(word), first->second),
                                    "keep one of them"});
      continue;
    }
    out.push_back(std::move(word));
  }
}

void TierReader::read_tier(const NamedSection& named) {
  TierConfig& tier = config_.all.emplace_back();
  tier.name = named.name;
  if (auto fault = name_fault("tier", named.name)) findings_.error(named.section.place(), std::move(*fault));
  read_numbers(named.section, tier);
  read_words(named.section, "methods", methods_, tier.methods);
  read_words(named.section, "paths", paths_, tier.paths);
}

void TierReader::check_default(const Section& section) {
  const Given given = section.read("default", config_.fallback);
  if (!given || config_.all.empty()) return;
  std::vector<std::string_view> names;
  for (const TierConfig& tier : config_.all) names.push_back(tier.name);
  if (std::ranges::find(names, config_.fallback) != names.end()) return;
  const std::string_view meant = nearest(config_.fallback, names);
  findings_.error(given.place, {fmt::format("{} is {}, and there is no such tier", section.name_of("default"),
                                            in_quotes(config_.fallback)),
                                meant.empty() ? std::string("one of those in all")
                                              : fmt::format("did you mean {}?", in_quotes(meant))});
}

void TierReader::read(const Section& section) {
  if (section.key_place("key")) read_header_key(section, config_.header, findings_);
  for (const NamedSection& named : section.sections("all")) read_tier(named);
  check_default(section);
  const double sum =
      std::accumulate(config_.all.begin(), config_.all.end(), 0.0,
                      [](double before, const TierConfig& tier) { return before + tier.share; });
  if (sum > 1 + 1e-9) {
    findings_.error(section.place(),
                    {fmt::format("the shares of {} are {} together", section.name(), sum), "at most 1"});
  }
  for (const TierConfig& tier : config_.all) {
    const bool told = !config_.header.empty() || !tier.methods.empty() || !tier.paths.empty();
    if (told || tier.name == config_.fallback) continue;
    findings_.warn(section.place(), {fmt::format("no request is ever of tier {}", in_quotes(tier.name)),
                                     "give it methods or paths, or declare a key"});
  }
}

}  // namespace

void read_tiers(const Section& section, TiersConfig& config, Diagnostics& findings) {
  TierReader(config, findings).read(section);
}

}  // namespace weir::service::internal

// The table of keys against what reads it, and docs/bounds-yaml.md against both.
#include "weir/service/internal/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "weir/service/config.h"
#include "weir/service/config_changes.h"
#include "weir/service/schema_document.h"

namespace weir::service::internal {
namespace {

using testing::ElementsAreArray;
using testing::IsEmpty;

// A file as flat paths; those of a list have its number, "routes.0.match".
using Flat = std::map<std::string, std::string>;

// A right file in which every section has what it needs. The bound is as large as
// may be, so that others can be as large as they may be.
Flat full() {
  return {{"service", "s"},
          {"bounds.inflight.limit", "1000000"},
          {"bounds.inflight.queue.depth", "1"},
          {"bounds.inflight.because", "b"},
          {"bounds.tenant.key", "'header:X'"},
          {"bounds.tenant.inflight", "1"},
          {"bounds.tenant.because", "b"},
          {"tls.certificates.0.cert", "c"},
          {"tls.certificates.0.key", "k"},
          {"tls.client_ca", "a"},
          {"upstreams.u.url", "'https://a'"},
          {"upstreams.u.tls.cert", "c"},
          {"upstreams.u.tls.key", "k"},
          {"upstreams.u.inflight", "1000000"},
          {"upstreams.u.because", "b"},
          {"bounds.tenant.rate.limit", "100"},
          {"bounds.tenant.overrides.t.rate.limit", "100"},
          {"bounds.tiers.default", "read"},
          {"bounds.tiers.because", "b"},
          {"bounds.tiers.all.read.share", "0"},
          {"bounds.caller.key", "'header:Y'"},
          {"bounds.caller.because", "b"},
          {"bounds.caller.rate.limit", "100"},
          {"bounds.priority.key", "'header:Z'"},
          {"bounds.priority.shares.low", "0.01"},
          {"bounds.memory.shed_at", "0.8"},
          {"upstreams.u.eject.share_max", "0.5"},
          {"upstreams.u.health.path", "/"},
          {"upstreams.u.contract.attempt", "X-A"},
          {"upstreams.u.queue.depth", "1"},
          {"upstreams.u.limiter.min", "1"},
          {"upstreams.u.retry.tries", "3"},
          {"upstreams.u.budget.share", "0.2"},
          {"upstreams.u.breaker.trials", "1"},
          {"upstreams.u.hedge.quantile", "0.95"},
          {"upstreams.u.throttle.accepted_share", "0.5"},
          {"upstreams.u.cache.fresh_for", "10s"},
          {"upstreams.u.singleflight.flights", "100"},
          {"upstreams.u.defer.workers", "1"},
          {"upstreams.u.fallback.status", "200"},
          {"routes.0.match", "/"},
          {"routes.0.upstream", "u"},
          {"routes.0.shadow.upstream", "u"},
          {"routes.1.path", "'/c/{id}'"},
          {"routes.1.compose.parts.p.upstream", "u"},
          {"routes.1.compose.parts.p.path", "/"},
          {"access_log.format", "json"}};
}

// As YAML in flow style, on one line.
std::string yaml(const Flat& flat, const std::string& prefix = "") {
  std::vector<std::string> done;
  std::string out;
  for (const auto& [path, value] : flat) {
    if (!path.starts_with(prefix)) continue;
    const std::string rest = path.substr(prefix.size());
    const std::string key = rest.substr(0, rest.find('.'));
    if (std::ranges::find(done, key) != done.end()) continue;
    done.push_back(key);
    out += out.empty() ? "" : ", ";
    const bool entry = key.find_first_not_of("0123456789") == std::string::npos;
    if (!entry) out += key + ": ";
    out += key == rest ? value : yaml(flat, prefix + key + ".");
  }
  const bool list = flat.contains(prefix + "0") || prefix == "routes." || prefix.ends_with(".targets.") ||
                    prefix.ends_with(".split.") || prefix == "tls.certificates.";
  return list ? "[" + out + "]" : "{" + out + "}";
}

// With `value` for the key of keys.h at `path`, in place of what is there.
std::string yaml_with(std::string path, const std::string& value) {
  const auto name_for = [&path](std::string_view list, std::string_view name) {
    if (path.starts_with(list) && path.size() > list.size()) path.replace(list.size() + 1, 1, name);
  };
  name_for("upstreams", "u");
  name_for("upstreams.u.targets", "0");
  name_for("routes", path.starts_with("routes.*.compose") ? "1" : "0");
  name_for("routes.1.compose.parts", "p");
  name_for("tls.certificates", "0");
  name_for("routes.0.split", "0");
  name_for("routes.0.headers", "h");
  name_for("routes.0.request.set", "h");
  name_for("routes.0.reply.set", "h");
  name_for("bounds.tenant.overrides", "t");
  name_for("bounds.tiers.all", "read");
  name_for("bounds.priority.classes", "c");
  Flat flat = full();
  std::erase_if(flat, [&path](const auto& entry) { return entry.first.starts_with(path + "."); });
  if (path.starts_with("upstreams.u.targets")) {
    flat.erase("upstreams.u.url");
    if (path.starts_with("upstreams.u.targets.0.")) flat["upstreams.u.targets.0.url"] = "'https://a'";
  }
  if (path == "routes.0.path") flat.erase("routes.0.match");
  if (path.starts_with("routes.0.split")) {
    flat.erase("routes.0.upstream");
    if (path.starts_with("routes.0.split.0.")) {
      flat["routes.0.split.0.upstream"] = "u";
      flat["routes.0.split.1.upstream"] = "v";
      flat["upstreams.v.url"] = "'http://b'";
      flat["upstreams.v.inflight"] = "50";
    }
  }
  flat[path] = value;
  return yaml(flat);
}

std::vector<std::string> errors_of(const std::string& text) {
  std::vector<std::string> errors;
  const Parsed parsed = parse_config("f", text);
  if (parsed) return errors;
  for (const Diagnostic& item : parsed.error().items()) {
    if (item.severity == Severity::error) errors.push_back(item.fault.text());
  }
  return errors;
}

TEST(Keys, AreUniqueAndBelowKeysThatAreMaps) {
  for (const KeySpec& key : config_schema().keys()) {
    EXPECT_EQ(std::ranges::count(config_schema().keys(), key.path, &KeySpec::path), 1) << key.path;
    EXPECT_EQ(config_schema().find(key.path), &key);
    const std::size_t dot = key.path.rfind('.');
    if (dot == std::string_view::npos) continue;
    const KeySpec* above = config_schema().find(key.path.substr(0, dot));
    ASSERT_NE(above, nullptr) << key.path;
    EXPECT_LT(above->kind, KeyKind::number) << key.path;
  }
  EXPECT_EQ(config_schema().find("bounds.inflight.limt"), nullptr);
  EXPECT_THAT(config_schema().below("bounds"),
              ElementsAreArray({"inflight", "tenant", "caller", "tiers", "priority", "memory"}));
}

TEST(Keys, AreAllRead) {
  ASSERT_THAT(errors_of(yaml(full())), IsEmpty()) << yaml(full());
  for (const KeySpec& key : config_schema().keys()) {
    const std::string text = yaml_with(std::string(key.path), key.kind == KeyKind::list ? "{}" : "[[]]");
    EXPECT_FALSE(errors_of(text).empty()) << "nobody reads " << key.path << "\n" << text;
  }
}

TEST(Keys, HaveExamplesThatAreRight) {
  for (const KeySpec& key : config_schema().keys()) {
    // An example's upstreams are not those of the file.
    if (key.kind < KeyKind::number || key.path.ends_with(".upstream")) continue;
    const std::string text = yaml_with(std::string(key.path), std::string(key.example));
    EXPECT_THAT(errors_of(text), IsEmpty()) << text;
  }
}

TEST(Keys, TakeBothEndsOfTheirRangeAndNothingBeyond) {
  for (const KeySpec& key : config_schema().keys()) {
    if (key.kind != KeyKind::number && key.kind != KeyKind::duration && key.kind != KeyKind::bytes) continue;
    const auto with = [&key](std::uint64_t value) {
      return errors_of(yaml_with(std::string(key.path), value_text(key.kind, value)));
    };
    EXPECT_THAT(with(key.min), IsEmpty()) << key.path;
    EXPECT_THAT(with(key.max), IsEmpty()) << key.path;
    EXPECT_EQ(with(key.max + 1).size(), 1u) << key.path;
    if (key.min > 0) EXPECT_EQ(with(key.min - 1).size(), 1u) << key.path;
  }
}

// A key that a comparison does not know would be taken over by nobody on a reload.
TEST(Keys, AreAllComparedOnAReload) {
  for (const KeySpec& key : config_schema().keys()) {
    if (key.kind < KeyKind::number || key.kind >= KeyKind::text) continue;
    const auto with = [&key](std::uint64_t value) {
      std::string text = value_text(key.kind, value);
      if (key.kind == KeyKind::texts) text = value == key.min ? "[10.0.0.1]" : "[10.0.0.1, 10.0.0.2]";
      return parse_config("f", yaml_with(std::string(key.path), text));
    };
    const Parsed least = with(key.min), most = with(key.max);
    ASSERT_TRUE(least && most) << key.path;
    std::string path(key.path);
    if (path.starts_with("upstreams.*")) path.replace(10, 1, "u");
    if (path.starts_with("bounds.tenant.overrides.*")) path.replace(24, 1, "t");
    if (path.starts_with("bounds.tiers.all.*")) path.replace(17, 1, "read");
    if (path.starts_with("upstreams.u.targets.")) path = "upstreams.u.targets";
    if (path.starts_with("routes.")) path = "routes";
    EXPECT_THAT(config_changes(least->config, most->config),
                testing::Contains(testing::Field(&ConfigChange::key, path)))
        << key.path;
  }
}

TEST(ValueText, ReadsBackTheSame) {
  EXPECT_EQ(value_text(KeyKind::number, 12), "12");
  EXPECT_EQ(value_text(KeyKind::duration, 1'500'000'000), "1s500ms");
  EXPECT_EQ(value_text(KeyKind::bytes, 0), "0");
  EXPECT_EQ(value_text(KeyKind::bytes, 1000), "1000");
  EXPECT_EQ(value_text(KeyKind::bytes, 3 << 20), "3MiB");
  EXPECT_EQ(value_text(KeyKind::bytes, 1ull << 40), "1TiB");
}

std::string document() { return read_document("docs/bounds-yaml.md"); }

TEST(BoundsYamlDocument, DescribesEveryKeyAsItIs) {
  EXPECT_THAT(document_differences(document(), config_schema()), IsEmpty());
}

TEST(BoundsYamlDocument, SaysTheDefaultsAsTheyAre) {
  std::size_t compared = 0;
  for (const auto& [path, row] : document_rows(document())) {
    if (!row.fallback.starts_with('`')) continue;
    const std::string value = row.fallback.substr(1, row.fallback.size() - 2);
    const Parsed said = parse_config("f", yaml_with(path, "'" + value + "'"));
    const Parsed left_out = parse_config("f", yaml(full()));
    ASSERT_TRUE(said && left_out) << path;
    // A section that is only there for this key is a default as well.
    EXPECT_EQ(said->config, left_out->config) << path << " is not " << value << " by default";
    ++compared;
  }
  EXPECT_GE(compared, 15u);
}

TEST(BoundsYamlDocument, HasAnExampleThatPasses) {
  const std::vector<std::string> examples = document_examples(document());
  ASSERT_EQ(examples.size(), 1u);
  const Parsed parsed = parse_config("example", examples.front());
  ASSERT_TRUE(parsed) << parsed.error().text(Colour::no);
  EXPECT_EQ(parsed->warnings.text(Colour::no), "");
}

}  // namespace
}  // namespace weir::service::internal

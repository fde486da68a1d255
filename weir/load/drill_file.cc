#include "weir/load/drill_file.h"

#include <limits>

#include "weir/base/units.h"
#include "weir/load/internal/yaml_file.h"

namespace weir::load {
namespace {

constexpr double kTimesMax = 1000;
constexpr double kTasksMax = 1e9;

class DrillReader {
 public:
  DrillReader(const internal::YamlFile& file, DrillOptions& into) : file_(file), into_(into) {}

  void read() {
    const YAML::Node root = file_.root();
    file_.check_keys(root, {"objective", "knee", "overload", "surge", "chaos"});
    if (const YAML::Node map = root["objective"]) objective(map);
    if (const YAML::Node map = root["knee"]) knee(map);
    if (const YAML::Node map = root["overload"]) overload(map);
    if (const YAML::Node map = root["surge"]) surge(map);
    if (const YAML::Node map = root["chaos"]) chaos(map);
  }

 private:
  void number(const YAML::Node& map, const char* key, double& into, double least, double most) const {
    into = file_.number(map, key, least, most).value_or(into);
  }
  void duration(const YAML::Node& map, const char* key, Duration& into) const {
    into = file_.duration(map, key).value_or(into);
  }

  void objective(const YAML::Node& map) const {
    file_.check_keys(map, {"p99", "good"});
    duration(map, "p99", into_.search.objective.p99);
    number(map, "good", into_.search.objective.good_share, 0, 1);
  }

  void knee(const YAML::Node& map) const {
    file_.check_keys(map, {"at_least", "from", "to", "precision", "step", "hold"});
    number(map, "at_least", into_.knee_min, 0, RateProfile::kRateMax);
    number(map, "from", into_.search.from, 0.1, RateProfile::kRateMax);
    number(map, "to", into_.search.to, 0.1, RateProfile::kRateMax);
    number(map, "precision", into_.search.precision, 0.001, 1);
    duration(map, "step", into_.search.step);
    duration(map, "hold", into_.search.hold);
  }

  void overload(const YAML::Node& map) const {
    DrillOptions::Overload& overload = into_.overload;
    file_.check_keys(map, {"times", "for", "goodput", "refusal_p99"});
    number(map, "times", overload.times, 1, kTimesMax);
    duration(map, "for", overload.length);
    number(map, "goodput", overload.goodput_min, 0, 1);
    duration(map, "refusal_p99", overload.refusal_p99);
  }

  void surge(const YAML::Node& map) const {
    DrillOptions::Surge& surge = into_.surge;
    file_.check_keys(map, {"times", "for", "rest", "rest_for", "recovery"});
    number(map, "times", surge.times, 1, kTimesMax);
    duration(map, "for", surge.length);
    number(map, "rest", surge.rest, 0.01, 1);
    duration(map, "rest_for", surge.rest_length);
    duration(map, "recovery", surge.recovery_max);
  }

  void chaos(const YAML::Node& map) const {
    DrillOptions::Chaos& chaos = into_.chaos;
    file_.check_keys(map,
                     {"times", "lead", "rest_for", "good", "refusal_p99", "tasks", "memory", "recovery"});
    number(map, "times", chaos.times, 0.01, kTimesMax);
    duration(map, "lead", chaos.lead);
    duration(map, "rest_for", chaos.rest_length);
    number(map, "good", chaos.good_min, 0, 1);
    duration(map, "refusal_p99", chaos.refusal_p99);
    number(map, "tasks", chaos.tasks_max, 0, kTasksMax);
    duration(map, "recovery", chaos.recovery_max);
    if (const YAML::Node size = map["memory"]) {
      const std::optional<Bytes> parsed = size.IsScalar() ? parse_bytes(size.Scalar()) : std::nullopt;
      file_.check(size, parsed.has_value(), "memory: is a size such as 64MiB");
      chaos.memory_max = *parsed;
    }
  }

  const internal::YamlFile& file_;
  DrillOptions& into_;
};

}  // namespace

std::expected<void, std::string> read_drill_file(const std::string& path, DrillOptions& options) {
  auto read = internal::read_yaml(path, [&](const internal::YamlFile& file) {
    DrillReader(file, options).read();
    return true;
  });
  if (!read) return std::unexpected(read.error());
  return {};
}

}  // namespace weir::load

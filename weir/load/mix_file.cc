#include "weir/load/mix_file.h"

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/http/headers.h"
#include "weir/load/internal/yaml_file.h"

namespace weir::load {
namespace {

class MixReader {
 public:
  explicit MixReader(const internal::YamlFile& file) : file_(file) {}

  RequestMix read() {
    const YAML::Node root = file_.root();
    check_keys(root, {"requests", "labels"});
    const YAML::Node requests = root["requests"];
    check(root, requests.IsDefined(), "no requests: are declared");
    check(requests, requests.IsSequence() && requests.size() > 0, "requests: is a list of at least one");
    check(requests, requests.size() <= RequestMix::kChoicesMax, "requests: has more than 10000 entries");
    std::vector<RequestKind> kinds;
    for (const YAML::Node& request : requests) kinds.push_back(kind_of(request, kinds.size()));
    std::vector<RequestLabel> labels;
    if (const YAML::Node list = root["labels"]) {
      check(list, list.IsSequence() && list.size() <= RequestMix::kLabelsMax,
            "labels: is a list of at most 4");
      for (const YAML::Node& label : list) labels.push_back(label_of(label));
    }
    return RequestMix(std::move(kinds), std::move(labels));
  }

 private:
  [[noreturn]] void refuse(const YAML::Node& at, const std::string& what) const { file_.refuse(at, what); }
  void check(const YAML::Node& at, bool right, const std::string& what) const {
    file_.check(at, right, what);
  }
  void check_keys(const YAML::Node& map, std::initializer_list<std::string_view> known) const {
    file_.check_keys(map, known);
  }
  std::string text_of(const YAML::Node& map, const char* key, const std::string& otherwise) const {
    return file_.text(map, key, otherwise);
  }
  double weight_of(const YAML::Node& value) const {
    double weight = 0;
    const bool right = value.IsScalar() && YAML::convert<double>::decode(value, weight);
    check(value, right && weight > 0 && weight <= 1e9, "a weight is a number above 0, at most 1e9");
    return weight;
  }
  TemplateText template_of(const YAML::Node& at, const std::string& text) const {
    std::expected<TemplateText, std::string> parsed = TemplateText::parse(text);
    if (!parsed) refuse(at, parsed.error());
    return std::move(*parsed);
  }
  void check_field_name(const YAML::Node& at, const std::string& name) const {
    check(at, http::is_token(name), "\"" + name + "\" is no name of a header field");
  }

  RequestKind kind_of(const YAML::Node& request, std::size_t index) const {
    check_keys(request, {"name", "weight", "method", "path", "headers", "body", "body_file"});
    RequestKind kind{.name = text_of(request, "name", "request " + std::to_string(index + 1)),
                     .method = text_of(request, "method", "GET")};
    if (const YAML::Node weight = request["weight"]) kind.weight = weight_of(weight);
    check(request, http::is_token(kind.method), "\"" + kind.method + "\" is no method");
    const std::string path = text_of(request, "path", "");
    const auto stays_in_line = [](char c) { return c > ' ' && c != '\x7f'; };
    check(request, path.starts_with('/') && std::ranges::all_of(path, stays_in_line),
          "path: begins with / and has no blanks");
    kind.target = template_of(request, path);
    if (const YAML::Node headers = request["headers"]) {
      check(headers, headers.IsMap(), "headers: is a map of names and values");
      for (const auto& header : headers) {
        check_field_name(header.first, header.first.Scalar());
        check(header.second, header.second.IsScalar(), "a header field's value is a text");
        kind.headers.emplace_back(header.first.Scalar(), template_of(header.second, header.second.Scalar()));
      }
    }
    const std::string file = text_of(request, "body_file", "");
    check(request, file.empty() || !request["body"], "has both body: and body_file:");
    const std::filesystem::path beside = std::filesystem::path(file_.path()).parent_path() / file;
    kind.body = template_of(request, file.empty() ? text_of(request, "body", "") : file_.content_of(beside));
    return kind;
  }

  RequestLabel label_of(const YAML::Node& label) const {
    check_keys(label, {"name", "header", "values"});
    RequestLabel read{.name = text_of(label, "name", ""), .header = text_of(label, "header", "")};
    check(label, !read.name.empty(), "a label has a name:");
    check_field_name(label, read.header);
    const YAML::Node values = label["values"];
    check(label, values && values.IsMap() && values.size() > 0, "values: is a map from values to weights");
    check(values, values.size() <= RequestMix::kChoicesMax, "values: has more than 10000 entries");
    for (const auto& value : values) {
      read.values.emplace_back(value.first.Scalar(), weight_of(value.second));
    }
    return read;
  }

  const internal::YamlFile& file_;
};

}  // namespace

std::expected<RequestMix, std::string> read_mix(const std::string& path) {
  return internal::read_yaml(path, [](const internal::YamlFile& file) { return MixReader(file).read(); });
}

}  // namespace weir::load

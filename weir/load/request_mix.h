// The requests of a load run: kinds with weights, each with its own method,
// path, fields and body; and what tells those who send them apart, such as
// tenants and priorities, each a field with weighted values.
//
//   RequestMix mix({{.name = "read", .weight = 9, .target = ...},
//                   {.name = "write", .weight = 1, .method = "POST", ...}},
//                  {{.name = "tenant", .header = "X-Tenant", .values = {{"acme", 3}, {"initech", 1}}}});
//   const RequestMix::Pick pick = mix.pick(rng);
//
// A plain value; callable from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/rng.h"
#include "weir/load/template_text.h"
#include "weir/load/weights.h"

namespace weir::load {

struct RequestKind {
  std::string name;   // in reports
  double weight = 1;  // above 0
  std::string method = "GET";
  TemplateText target;
  std::vector<std::pair<std::string, TemplateText>> headers;
  TemplateText body;

  // It is the same for every request.
  bool constant() const;
};

// A field that each request carries with one of several values.
struct RequestLabel {
  std::string name;                                    // in reports: "tenant"
  std::string header;                                  // "X-Tenant"
  std::vector<std::pair<std::string, double>> values;  // with their weights
};

// What reports tell apart: a kind of request, or a value of a label.
struct RequestGroup {
  std::string label;  // "request", or the label's name
  std::string name;

  bool operator==(const RequestGroup&) const = default;
};

class RequestMix {
 public:
  static constexpr std::size_t kLabelsMax = 4;
  static constexpr std::size_t kChoicesMax = 10'000;  // of kinds, and of the values of a label

  // WEIR_CHECKs the maxima, that there is a kind, and that all have weights.
  explicit RequestMix(std::vector<RequestKind> kinds, std::vector<RequestLabel> labels = {});

  struct Pick {
    std::uint16_t kind = 0;
    std::array<std::uint16_t, kLabelsMax> values{};  // of each label
  };
  Pick pick(Rng& rng) const;

  // The kinds where there are several, then the values of each label.
  std::vector<RequestGroup> groups() const;
  // Calls visit(index into groups()) for each group that the request is in.
  template <typename Visit>
  void for_each_group(const Pick& pick, Visit visit) const {
    std::size_t first = 0;
    if (kinds_.size() > 1) {
      visit(std::size_t{pick.kind});
      first = kinds_.size();
    }
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      visit(first + pick.values[i]);
      first += labels_[i].values.size();
    }
  }

  const std::vector<RequestKind>& kinds() const { return kinds_; }
  const std::vector<RequestLabel>& labels() const { return labels_; }

 private:
  std::vector<RequestKind> kinds_;
  std::vector<RequestLabel> labels_;
  Weights kind_weights_;
  std::vector<Weights> value_weights_;
};

}  // namespace weir::load

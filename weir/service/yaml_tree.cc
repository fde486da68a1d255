#include "weir/service/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <array>
#include <optional>
#include <sstream>
#include <utility>

#include "weir/service/text.h"

namespace weir::service {
namespace {

// Ends the parsing; thrown through yaml-cpp by the handlers below and caught in
// parse_yaml().
struct Stop {
  Place place;
  Fault fault;
};

Place place_of_mark(const YAML::Mark& mark) {
  if (mark.is_null()) return {.line = 1, .column = 1};
  return {.line = static_cast<std::uint32_t>(mark.line) + 1,
          .column = static_cast<std::uint32_t>(mark.column) + 1};
}

// yaml-cpp's words, in the words of somebody who looks at the file.
Fault explain(std::string_view words) {
  struct Explanation {
    std::string_view words, message, hint;
  };
  static constexpr std::array kExplanations{
      Explanation{"illegal map value", "no value may start at this ':'",
                  "is the line indented wrongly, or does a text with ':' lack its quotes?"},
      Explanation{"illegal tab when looking for indentation", "a tab in the indentation",
                  "indent with spaces"},
      Explanation{"end of map flow not found", "a '{' before this place is not closed",
                  "end the map with '}'"},
      Explanation{"end of sequence flow not found", "a '[' before this place is not closed",
                  "end the list with ']'"},
      Explanation{"end of map not found", "this line belongs to no map", "indent it like the keys around it"},
      Explanation{"end of sequence not found", "this line belongs to no list", "begin each entry with '- '"},
      Explanation{"unknown token", "no value starts with this character", "put the text in quotes"},
      Explanation{"illegal block entry", "no list entry may start here", "put the list on lines of its own"},
      Explanation{"the referenced anchor is not defined", "an alias to an anchor that does not exist",
                  "write the value out, or put the text in quotes"},
      Explanation{"unknown escape character", "a backslash before this place starts no escape",
                  "write two of them, or use single quotes"},
      Explanation{"illegal flow end", "a bracket is closed that was not opened", "take it away"},
  };
  for (const Explanation& known : kExplanations) {
    if (words.starts_with(known.words)) return {std::string(known.message), std::string(known.hint)};
  }
  return {fmt::format("not YAML: {}", in_quotes(words))};
}

// Whether the quoted text that starts at `offset` ends: yaml-cpp 0.7 takes the
// end of the file for the closing quote.
bool quote_is_closed(std::string_view text, std::size_t offset) {
  const char quote = text[offset];
  for (std::size_t at = offset + 1; at < text.size(); ++at) {
    if (quote == '"' && text[at] == '\\') {
      ++at;
    } else if (text[at] == quote) {
      if (quote == '"' || !text.substr(at + 1).starts_with('\'')) return true;
      ++at;  // '' inside single quotes is one quote
    }
  }
  return false;
}

class Builder final : public YAML::EventHandler {
 public:
  Builder(std::string_view text, Diagnostics& findings) : text_(text), findings_(findings) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add(node(YamlNode::Kind::null, mark, "")); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(place_of_mark(mark), "aliases (*name) are not supported", "write the value out");
    add(node(YamlNode::Kind::broken, mark, ""));
  }

  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    refuse(place_of_mark(mark), "anchors (&name) are not supported", "take it away");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    const auto offset = static_cast<std::size_t>(mark.pos);
    const bool quote = offset < text_.size() && (text_[offset] == '"' || text_[offset] == '\'');
    if (quote && !quote_is_closed(text_, offset)) {
      throw Stop{place_of_mark(mark), {"this quote is never closed", "end the text with the same quote"}};
    }
    YamlNode scalar = node(YamlNode::Kind::scalar, mark, tag);
    scalar.text = value;
    add(std::move(scalar));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(node(YamlNode::Kind::list, mark, tag));
  }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    open(node(YamlNode::Kind::map, mark, tag));
  }

  YamlNode take_root() { return std::move(root_); }

  // After the parsing was ended by a mistake: what stands complete before it. The
  // last complete entry goes too, because it is often the half of something.
  YamlNode take_complete() {
    if (open_.empty()) return std::move(root_);
    YamlNode top = std::move(open_.front());
    if (top.kind != YamlNode::Kind::map) {
      top.kind = YamlNode::Kind::broken;
      return top;
    }
    const bool inside_entry = open_.size() > 1 || top.children.size() % 2 == 1;
    const std::size_t complete = top.pairs() - (inside_entry || top.pairs() == 0 ? 0 : 1);
    top.children.resize(2 * complete);
    return top;
  }

 private:
  YamlNode node(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag) {
    const Place place = place_of_mark(mark);
    if (++nodes_ > kYamlNodesMax) {
      throw Stop{place, {fmt::format("the file has more than {} values", kYamlNodesMax), "split it"}};
    }
    const bool plain = tag.empty() || tag == "?" || tag == "!";
    if (!plain) refuse(place, "tags (!name) are not supported", "take it away, or put the text in quotes");
    YamlNode made;
    made.kind = plain ? kind : YamlNode::Kind::broken;
    made.place = place;
    return made;
  }

  void refuse(Place place, std::string message, std::string hint) {
    findings_.error(place, {std::move(message), std::move(hint)});
  }

  void open(YamlNode container) {
    if (open_.size() >= kYamlDepthMax) {
      throw Stop{container.place, {fmt::format("more than {} levels of nesting", kYamlDepthMax)}};
    }
    open_.push_back(std::move(container));
  }

  void close() {
    YamlNode container = std::move(open_.back());
    open_.pop_back();
    add(std::move(container));
  }

  void add(YamlNode value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    std::vector<YamlNode>& siblings = open_.back().children;
    // A value left out is marked where the next thing stands: its key is nearer.
    const bool is_value = open_.back().kind == YamlNode::Kind::map && siblings.size() % 2 == 1;
    if (is_value && value.kind == YamlNode::Kind::null) value.place = siblings.back().place;
    siblings.push_back(std::move(value));
  }

  const std::string_view text_;
  Diagnostics& findings_;
  YamlNode root_;
  std::vector<YamlNode> open_;  // containers not yet closed, outermost first
  std::size_t nodes_ = 0;
};

// Stops at the first sign of anything.
class NothingMore final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    throw Stop{place_of_mark(mark),
               {"what follows is not part of the document above",
                "a file holds one YAML document: take away the bracket, comma or '---' here"}};
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
  }
  void OnMapEnd() override {}
};

// Runs the parser; what ends it early comes back as a value.
std::optional<Stop> run(std::string_view text, Builder& builder) {
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    NothingMore nothing_more;
    parser.HandleNextDocument(nothing_more);
    return std::nullopt;
  } catch (const Stop& stop) {
    return stop;
  } catch (const YAML::Exception& exception) {
    return Stop{place_of_mark(exception.mark), explain(exception.msg)};
  }
}

}  // namespace

YamlTree parse_yaml(std::string_view text, Diagnostics& findings) {
  Builder builder(text, findings);
  std::optional<Stop> stop = run(text, builder);
  if (!stop) return {.root = builder.take_root(), .whole = true};
  findings.error(stop->place, std::move(stop->fault));
  return {.root = builder.take_complete(), .whole = false};
}

}  // namespace weir::service

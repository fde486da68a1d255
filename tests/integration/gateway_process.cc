#include "tests/integration/gateway_process.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <utility>

#include "weir/base/check.h"

namespace weir::testing {
namespace {

std::vector<std::string> serve_words(const std::string& file, const std::vector<std::string>& more) {
  std::vector<std::string> words{WEIR_PROGRAM,  "serve",   file,         "--listen",
                                 "127.0.0.1:0", "--admin", "127.0.0.1:0"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// What stands behind `before` in `text`, up to the end of the line or a slash.
net::SocketAddress announced(std::string_view text, std::string_view before) {
  const std::size_t at = text.find(before);
  WEIR_CHECK(at != std::string_view::npos, "an address is not announced");
  const std::string_view rest = text.substr(at + before.size());
  const auto address = net::SocketAddress::parse(rest.substr(0, rest.find_first_of("/\n")));
  WEIR_CHECK(address, "what is announced is no address");
  return *address;
}

}  // namespace

bool becomes_true(const std::function<bool()>& holds) {
  const TimePoint end = SystemClock::read() + kPatience;
  while (!holds()) {
    if (SystemClock::read() > end) return false;
  }
  return true;
}

GatewayProcess::GatewayProcess(const std::string& bounds_yaml, const std::vector<std::string>& more_words)
    : file_(bounds_yaml), process_(serve_words(file_.path(), more_words)) {
  const bool up = process_.wait_for_err("/metrics\n", kPatience);
  if (!up) ADD_FAILURE() << "weir serve said:\n" << process_.err();
  WEIR_CHECK(up, "the gateway does not start");
  const std::string said = process_.err();
  address_ = announced(said, "listens on http://");
  admin_ = announced(said, "pages     http://");
}

GatewayProcess::~GatewayProcess() {
  if (process_.wait(Duration::zero())) return;  // the test has ended it, and looked
  const std::optional<int> end = drain();
  EXPECT_EQ(end, 0) << "weir serve said:\n" << process_.err();
}

std::optional<int> GatewayProcess::drain() {
  process_.signal(SIGTERM);
  return process_.wait(kPatience);
}

Reply GatewayProcess::page(std::string_view target, std::string_view fields) const {
  return ask_once(admin_, get(target, fmt::format("{}Connection: close\r\n", fields)));
}

BoundLine GatewayProcess::bound(std::string_view name) const {
  simdjson::dom::parser parser;
  const simdjson::padded_string text(page("/debug/bounds?format=json").body);
  for (const simdjson::dom::element line : parser.parse(text)["bounds"].get_array()) {
    if (std::string_view(line["name"]) != name) continue;
    return {.limit = line["limit"],
            .in_use = line["in_use"],
            .peak = line["peak"],
            .queue_depth = line["queue"]["depth"],
            .admitted = line["admitted"],
            .refused_total = line["refused_total"]};
  }
  ADD_FAILURE() << "no bound named " << name;
  return {};
}

std::optional<double> GatewayProcess::metric(std::string_view sample) const {
  const std::string text = "\n" + page("/metrics").body;
  const std::size_t at = text.find(fmt::format("\n{} ", sample));
  if (at == std::string::npos) return std::nullopt;
  const char* digits = text.data() + at + sample.size() + 2;
  double value = 0;
  std::from_chars(digits, text.data() + text.size(), value);
  return value;
}

double GatewayProcess::requests(std::string_view upstream, std::string_view outcome) const {
  const auto value =
      metric(fmt::format("weir_requests_total{{upstream=\"{}\",outcome=\"{}\"}}", upstream, outcome));
  if (!value) ADD_FAILURE() << "no counter for " << upstream << ", " << outcome;
  return value.value_or(-1);
}

::testing::AssertionResult GatewayProcess::counts(std::string_view upstream, std::string_view outcome,
                                                  double number) const {
  double last = 0;
  if (becomes_true([&] { return (last = requests(upstream, outcome)) == number; })) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure()
         << upstream << " " << outcome << " is " << last << ", not " << number << "; all:\n"
         << page("/metrics").body;
}

::testing::AssertionResult GatewayProcess::falls_idle() const {
  std::string busy;
  const bool idle = becomes_true([&] {
    busy.clear();
    simdjson::dom::parser parser;
    const simdjson::padded_string text(page("/debug/bounds?format=json").body);
    for (const simdjson::dom::element line : parser.parse(text)["bounds"].get_array()) {
      const auto name = std::string(std::string_view(line["name"]));
      if (name != "inflight" && name != "tenant" && !name.starts_with("upstream:")) continue;
      const std::uint64_t held = line["in_use"];
      const std::uint64_t waiting = line["queue"]["depth"];
      if (held + waiting > 0) busy += fmt::format("{}: {} in use, {} waiting; ", name, held, waiting);
    }
    return busy.empty();
  });
  return idle ? ::testing::AssertionSuccess() : ::testing::AssertionFailure() << busy;
}

Bystander::Bystander(const net::SocketAddress& gateway, std::string target)
    : thread_([this, gateway, target = std::move(target)] { run(gateway, target); }) {}

Bystander::~Bystander() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void Bystander::run(const net::SocketAddress& gateway, const std::string& target) {
  RawClient client(gateway);
  while (!stopping_) {
    const Reply reply = client.ask(get(target));
    const std::lock_guard guard(lock_);
    ++answered_;
    changed_.notify_all();
    if (reply.status == 200 && reply.complete) continue;
    complaint_ = fmt::format("request {} was answered with {} and {} of a body:\n{}", answered_, reply.status,
                             reply.complete ? "all" : "a part", reply.head);
    return;
  }
}

void Bystander::mark() {
  std::unique_lock guard(lock_);
  // The one under way has begun before now; the one after it has not.
  const std::uint64_t wanted = answered_ + 2;
  changed_.wait_for(guard, kPatience, [&] { return answered_ >= wanted || !complaint_.empty(); });
  if (answered_ >= wanted) ++marked_;
}

::testing::AssertionResult Bystander::noticed_nothing() {
  stopping_ = true;
  thread_.join();
  if (!complaint_.empty()) return ::testing::AssertionFailure() << complaint_;
  if (marked_ == 0) return ::testing::AssertionFailure() << "no request was answered meanwhile";
  return ::testing::AssertionSuccess();
}

}  // namespace weir::testing

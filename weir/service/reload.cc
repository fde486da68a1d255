#include "weir/service/reload.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "weir/core/blocking.h"
#include "weir/service/config_changes.h"

namespace weir::service {
namespace {

ReloadResult refused(std::string text) { return {.ok = false, .text = std::move(text)}; }

}  // namespace

core::task<ReloadResult> Reloader::reload(core::Context& context) {
  if (!options_.load) co_return refused("there is no file to read: the configuration is built in\n");
  const Result<core::Permit> turn = co_await turns_.acquire(context);
  if (!turn) co_return refused(fmt::format("not read: {}\n", turn.error().message()));
  const Result<Parsed> parsed =
      co_await core::blocking(reading_, context, [this] { return options_.load(); });
  if (!parsed) co_return refused(fmt::format("not read: {}\n", parsed.error().message()));
  ReloadResult result = take(*parsed);
  if (result.ok && options_.renew) {
    const Result<ReloadResult> renewed =
        co_await core::blocking(reading_, context, [&] { return options_.renew(running_); });
    result.ok = renewed && renewed->ok;
    result.text += renewed ? renewed->text : fmt::format("not read: {}\n", renewed.error().message());
  }
  note(result);
  co_return result;
}

ReloadResult Reloader::take(const Parsed& parsed) {
  if (!parsed) return refused(parsed.error().text(Colour::no) + "nothing is changed\n");
  const std::vector<ConfigChange> changes = config_changes(running_, parsed->config);
  const std::string warnings = parsed->warnings.text(Colour::no);
  if (changes.empty()) return {.ok = true, .text = warnings + "no change\n"};
  std::string stuck;
  for (const ConfigChange& change : changes) {
    if (!change.moves) stuck += change.text() + '\n';
  }
  if (!stuck.empty())
    return refused(stuck + "nothing is changed: these cannot change while the gateway runs\n");
  const Fit fit = options_.prove ? options_.prove(parsed->config) : Fit{};
  if (!fit.ok) return refused(warnings + fit.text + "nothing is changed\n");
  if (const auto applied = options_.apply(parsed->config); !applied)
    return refused(warnings + applied.error() + "nothing is changed\n");
  running_ = parsed->config;
  return {.ok = true, .text = warnings + fit.text + to_text(changes)};
}

void Reloader::note(const ReloadResult& result) {
  Count& count = result.ok ? ok_ : failed_;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  count.times.fetch_add(1, std::memory_order_relaxed);
  count.last_ms.store(std::chrono::duration_cast<std::chrono::milliseconds>(now).count(),
                      std::memory_order_relaxed);
  std::string_view rest = result.text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    options_.announce(fmt::format("{}: {}", result.ok ? "reload" : "reload refused", rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

void Reloader::expose(observe::Exposition& page) const {
  for (const auto& [word, count] : {std::pair<const char*, const Count&>{"ok", ok_}, {"failed", failed_}}) {
    page.counter("weir_reloads_total", "Times the configuration was read again.", {{"result", word}},
                 static_cast<double>(count.times.load(std::memory_order_relaxed)));
  }
  for (const auto& [word, count] : {std::pair<const char*, const Count&>{"ok", ok_}, {"failed", failed_}}) {
    page.gauge("weir_reload_timestamp_seconds", "When it was last; 0: never.", {{"result", word}},
               static_cast<double>(count.last_ms.load(std::memory_order_relaxed)) / 1000);
  }
}

}  // namespace weir::service

// Notes over HTTP: JSON in and out, a form, an upload, events, files, compression.
//
//   notes_service [listen [admin [folder]]]
//
//   curl -d '{"text":"buy milk"}' -H 'Content-Type: application/json' http://127.0.0.1:8080/notes
//   curl --compressed 'http://127.0.0.1:8080/notes?from=1'
//   curl -F notes=@list.txt http://127.0.0.1:8080/import
//   curl -N http://127.0.0.1:8080/events
#include <atomic>
#include <cstdio>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "weir/base/json_writer.h"
#include "weir/bounds/bound.h"
#include "weir/core/sleep.h"
#include "weir/http/compression.h"
#include "weir/http/event_stream.h"
#include "weir/http/json.h"
#include "weir/http/multipart.h"
#include "weir/http/problem.h"
#include "weir/http/read_body.h"
#include "weir/http/static_files.h"
#include "weir/service/service.h"

using namespace weir;
using http::Exchange;
using http::PathParams;

// Everything has a maximum, the notes too.
constexpr std::size_t kNotesMax = 10'000;
constexpr std::size_t kTextMax = 10'000;

class Notes {
 public:
  core::task<Result<>> list(Exchange& exchange) {
    const Result<http::UrlFields> query = http::UrlFields::of_query(exchange.request().target);
    if (!query) co_return std::unexpected(query.error());
    const Result<std::int64_t> from = query->integer("from", 1);
    if (!from) co_return std::unexpected(from.error());
    http::ResponseHead& head = exchange.reply_head();
    head.headers.add("Content-Type", "application/json");
    co_return co_await exchange.respond(head, as_json(*from));
  }

  core::task<Result<>> show(Exchange& exchange, const PathParams& path) {
    const Result<std::int64_t> id = path.integer("id");
    if (!id) co_return std::unexpected(id.error());
    const std::optional<std::string> text = find(*id);
    if (!text) co_return co_await http::respond_problem(exchange, {.status = 404, .detail = "no such note"});
    http::ResponseHead& head = exchange.reply_head();
    head.headers.add("Content-Type", "text/plain; charset=utf-8");
    co_return co_await exchange.respond(head, *text);
  }

  core::task<Result<>> add(Exchange& exchange) {
    const Result<http::JsonDocument> note = co_await http::read_json(exchange, {.bytes = kibibytes(64)});
    if (!note) co_return std::unexpected(note.error());
    const Result<std::string_view> text = note->root()["text"].text();
    if (!text) co_return std::unexpected(text.error());
    const Result<std::int64_t> id = put(*text);
    if (!id) co_return std::unexpected(id.error());
    http::ResponseHead& head = exchange.reply_head();
    head.status = 201;
    head.headers.add("Location", "/notes/" + std::to_string(*id));
    co_return co_await exchange.respond(head, "");
  }

  // Each part of the form is a note.
  core::task<Result<>> take_upload(Exchange& exchange) {
    Result<http::Multipart> form = http::Multipart::of(exchange.request().headers, exchange.body());
    if (!form) co_return std::unexpected(form.error());
    std::size_t taken = 0;
    for (;; ++taken) {
      const Result<bool> more = co_await form->next(exchange.context());
      if (!more) co_return std::unexpected(more.error());
      if (!*more) break;
      const Result<std::string> text = co_await form->text(exchange.context());
      if (!text) co_return std::unexpected(text.error());
      if (const Result<std::int64_t> id = put(*text); !id) co_return std::unexpected(id.error());
    }
    co_return co_await exchange.respond({}, std::to_string(taken) + " notes\n");
  }

  // An event for each new note, for as long as the client stays.
  core::task<Result<>> watch(Exchange& exchange) {
    http::EventStream events(exchange);
    if (const Result<> begun = co_await events.begin(); !begun) co_return begun;
    std::int64_t seen = last_.load();
    for (int quiet = 0;; ++quiet) {
      for (; seen < last_.load(); quiet = 0) {
        const std::string id = std::to_string(++seen);
        const Result<> sent = co_await events.send({.data = find(seen).value_or(""), .id = id});
        if (!sent) co_return Result<>();
      }
      if (quiet % 50 == 49 && !co_await events.comment("still here")) co_return Result<>();
      if (!co_await core::sleep_for(exchange.context(), 300ms)) co_return Result<>();
    }
  }

 private:
  std::string as_json(std::int64_t from) {
    std::string body;
    JsonWriter json(body);
    json.begin_array();
    const std::lock_guard guard(mutex_);
    for (auto note = notes_.lower_bound(from); note != notes_.end(); ++note) {
      json.begin_object().field("id", note->first).field("text", note->second).end_object();
    }
    json.end_array();
    return body;
  }
  std::optional<std::string> find(std::int64_t id) {
    const std::lock_guard guard(mutex_);
    const auto note = notes_.find(id);
    return note == notes_.end() ? std::nullopt : std::optional(note->second);
  }
  Result<std::int64_t> put(std::string_view text) {
    if (text.size() > kTextMax) return fail(ErrorKind::invalid, Reason::too_large, "text");
    const std::lock_guard guard(mutex_);
    if (notes_.size() == kNotesMax) return fail(ErrorKind::overloaded, Reason::at_limit, "notes");
    notes_.emplace(++last_, text);
    return last_.load();
  }

  std::mutex mutex_;
  std::map<std::int64_t, std::string> notes_;  // guarded by mutex_
  std::atomic<std::int64_t> last_{0};
};

int main(int argc, char** argv) {
  service::Service service({.name = "notes",
                            .listen = argc > 1 ? argv[1] : "127.0.0.1:8080",
                            .admin = argc > 2 ? argv[2] : "127.0.0.1:9090",
                            .inflight = {.limit = 100,
                                         .queue = {.depth = 200, .wait = 50ms},
                                         .because = "each holds up to 1 MiB of an import"}});
  Notes notes;
  http::Compression compression({});
  service.around(http::bind<&http::Compression::around>(compression));
  service.route("GET /notes", http::bind<&Notes::list>(notes));
  service.route("GET /notes/{id}", http::bind<&Notes::show>(notes));
  service.route("POST /notes", http::bind<&Notes::add>(notes));
  service.route("POST /import", http::bind<&Notes::take_upload>(notes));
  service.route("GET /events", http::bind<&Notes::watch>(notes));

  bounds::Bound reads(
      service.ledger(),
      {.name = "file-reads", .limit = 8, .queue_depth = 100, .because = "a thread each, and one disk"});
  auto files = http::StaticFiles::open({.root = argc > 3 ? argv[3] : "."}, reads);
  if (!files) {
    std::fprintf(stderr, "error: %s\n", files.error().message().c_str());
    return 2;
  }
  service.route("GET /files/{path...}", http::bind<&http::StaticFiles::serve>(*files));
  return service.run();
}

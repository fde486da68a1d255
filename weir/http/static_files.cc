#include "weir/http/static_files.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "weir/core/blocking.h"
#include "weir/core/now.h"
#include "weir/http/compression.h"
#include "weir/http/content.h"
#include "weir/http/content_type.h"
#include "weir/http/internal/file_cache.h"
#include "weir/http/internal/file_root.h"
#include "weir/http/problem.h"

namespace weir::http {
namespace {

using internal::FileRoot;
using internal::OpenFile;
using internal::ServedFile;

std::string_view ending_of(ContentCoding coding) { return coding == ContentCoding::brotli ? ".br" : ".gz"; }

// What opening came to: a file, a folder, or neither.
struct Opened {
  std::shared_ptr<const ServedFile> file;
  bool is_folder = false;
  Error error = {};
};

// The codings that are looked for, the best first; identity is the last.
using Codings = std::array<ContentCoding, 3>;

Codings codings_for(const Headers& headers) {
  static constexpr std::array kOffers = {ContentCoding::brotli, ContentCoding::gzip};
  const ContentCoding best = choose_coding(headers, kOffers);
  const ContentCoding other =
      choose_coding(headers, std::span(kOffers).subspan(best == ContentCoding::brotli ? 1 : 0, 1));
  if (best == ContentCoding::identity) return {};
  return {best, other, ContentCoding::identity};
}

// The file in the first of these that there is. Blocks.
Opened open_one(const FileRoot& root, const std::string& path, const Codings& codings) {
  Opened opened;
  for (const ContentCoding coding : codings) {
    const bool coded = coding != ContentCoding::identity;
    const std::string name = coded ? path + std::string(ending_of(coding)) : path;
    Result<OpenFile> file = root.open_file(name, opened.is_folder);
    if (file) {
      std::string etag = file->etag(coded ? ending_of(coding) : "");
      opened.file = std::make_shared<const ServedFile>(std::move(*file), coding, std::move(etag));
      return opened;
    }
    opened.error = file.error();
    if (!coded) break;
  }
  return opened;
}

// Not there, or nobody's business.
bool is_absent(const Error& error) {
  switch (error.system_code) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EIO: return false;
    default:
      return error.kind != ErrorKind::overloaded && error.kind != ErrorKind::cancelled &&
             error.kind != ErrorKind::deadline;
  }
}

bool has_hidden_segment(std::string_view path) {
  return path.starts_with('.') || path.find("/.") != std::string_view::npos;
}

class FileContent final : public Content {
 public:
  FileContent(const OpenFile& file, core::Limit& reads) : file_(file), reads_(reads) {}

  std::uint64_t size() const override { return file_.size; }
  core::task<Result<std::span<const std::byte>>> read(core::Context& context, std::uint64_t at,
                                                      std::uint64_t max) override {
    if (buffer_.empty()) buffer_.resize(std::min<std::uint64_t>(max, kBytes));
    const std::size_t size = std::min<std::uint64_t>(max, buffer_.size());
    ssize_t got = read_now(at, size);
    if (got < 0) {
      const Result<ssize_t> slowly = co_await core::blocking(
          reads_, context, [fd = file_.fd.get(), to = buffer_.data(), size, at]() -> Result<ssize_t> {
            const ssize_t n = ::pread(fd, to, size, static_cast<off_t>(at));
            if (n < 0) return std::unexpected(system_error(errno, "static file"));
            return n;
          });
      if (!slowly) co_return std::unexpected(slowly.error());
      got = *slowly;
    }
    // It has become shorter than it was.
    if (got == 0) co_return fail(ErrorKind::internal, Reason::closed, "static file");
    co_return std::span<const std::byte>(buffer_).first(static_cast<std::size_t>(got));
  }

  // What lies between the first and the last byte may be on the disk alone, after they
  // were read by somebody else: then one piece waits for it, and no more.
  std::optional<FilePiece> in_file(std::uint64_t at, std::uint64_t max) override {
    const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(max, kSentBytes));
    if (!is_in_memory(at) || !is_in_memory(at + bytes - 1)) return std::nullopt;
    return FilePiece{.fd = file_.fd.get(), .at = at, .bytes = bytes};
  }

 private:
  static constexpr std::size_t kBytes = 64 << 10;
  static constexpr std::size_t kSentBytes = 256 << 10;

  bool is_in_memory(std::uint64_t at) const {
    std::byte one{};
    const iovec to{.iov_base = &one, .iov_len = 1};
    return ::preadv2(file_.fd.get(), &to, 1, static_cast<off_t>(at), RWF_NOWAIT) == 1;
  }

  // What the kernel has in memory. Below 0: not at once, or not so.
  ssize_t read_now(std::uint64_t at, std::size_t size) {
    const iovec to{.iov_base = buffer_.data(), .iov_len = size};
    return ::preadv2(file_.fd.get(), &to, 1, static_cast<off_t>(at), RWF_NOWAIT);
  }

  const OpenFile& file_;
  core::Limit& reads_;
  std::vector<std::byte> buffer_;
};

}  // namespace

struct StaticFiles::State {
  State(Options o, core::Limit& limit, FileRoot folder)
      : options(std::move(o)),
        reads(limit),
        root(std::move(folder)),
        cache(options.open_files, options.valid_for) {}

  const Options options;
  core::Limit& reads;
  const FileRoot root;
  internal::FileCache cache;

  core::task<Result<Opened>> find(core::Context& context, const std::string& path, Codings codings);
};

StaticFiles::StaticFiles(std::unique_ptr<State> state) : state_(std::move(state)) {}
StaticFiles::StaticFiles(StaticFiles&&) noexcept = default;
StaticFiles& StaticFiles::operator=(StaticFiles&&) noexcept = default;
StaticFiles::~StaticFiles() = default;

Result<StaticFiles> StaticFiles::open(Options options, core::Limit& reads) {
  const bool within = options.links == Links::follow_within;
  auto root = FileRoot::open(options.root, within ? internal::Links::within : internal::Links::none);
  if (!root) return std::unexpected(root.error());
  return StaticFiles(std::make_unique<State>(std::move(options), reads, std::move(*root)));
}

core::task<Result<Opened>> StaticFiles::State::find(core::Context& context, const std::string& path,
                                                    Codings codings) {
  std::string key = path;
  for (const ContentCoding coding : codings) key += static_cast<char>(coding);
  const TimePoint now = core::now();
  if (auto open = cache.find(key, now)) co_return Opened{.file = std::move(open)};
  Result<Opened> opened = co_await core::blocking(
      reads, context, [this, &path, codings] { return open_one(root, path, codings); });
  if (opened && opened->file) cache.put(key, opened->file, now);
  co_return opened;
}

core::task<Result<>> StaticFiles::serve(Exchange& exchange, const PathParams& params) {
  const Options& options = state_->options;
  std::string path(params[options.parameter]);
  const bool names_folder = path.empty() || path.ends_with('/');
  if (has_hidden_segment(path) || (names_folder && options.index.empty())) {
    co_return co_await respond_problem(exchange, {.status = 404});
  }
  if (names_folder) path += options.index;
  const std::string_view type = content_type_of(path);
  const bool coded = options.precompressed && is_compressible(type);
  const Codings codings = coded ? codings_for(exchange.request().headers) : Codings{};

  const Result<Opened> opened = co_await state_->find(exchange.context(), path, codings);
  if (!opened) co_return std::unexpected(opened.error());
  ResponseHead& head = exchange.reply_head();
  if (opened->is_folder && !names_folder && !options.index.empty()) {
    // Relative, so that no name in it can be taken for a host's.
    const std::string_view target = exchange.request().target;
    const std::string_view raw = target.substr(0, target.find('?'));
    head.status = 308;
    head.headers.add("Location", "./" + std::string(raw.substr(raw.rfind('/') + 1)) + "/" +
                                     std::string(target.substr(raw.size())));
    co_return co_await exchange.respond(head, std::string_view());
  }
  if (!opened->file) {
    if (!is_absent(opened->error)) co_return std::unexpected(opened->error);
    co_return co_await respond_problem(exchange, {.status = 404});
  }
  const ServedFile& served = *opened->file;
  head.headers.add("Content-Type", type);
  head.headers.add("X-Content-Type-Options", "nosniff");
  if (coded) head.headers.add("Vary", "Accept-Encoding");
  if (served.coding != ContentCoding::identity) {
    head.headers.add("Content-Encoding", to_string(served.coding));
  }
  if (!options.cache_control.empty()) head.headers.add("Cache-Control", options.cache_control);
  FileContent content(served.file, state_->reads);
  co_return co_await respond_content(exchange, head,
                                     {.etag = served.etag, .last_modified = served.file.modified()}, content);
}

}  // namespace weir::http

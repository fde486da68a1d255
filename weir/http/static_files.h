// Files of a folder, as a browser wants them.
//
//   core::Limit reads({.name = "file-reads", .limit = 16, .queue_depth = 200});
//   auto files = http::StaticFiles::open({.root = "/srv/www", .cache_control = "max-age=3600"}, reads);
//   if (!files) ...
//   auto router = http::Router::make({{"GET /{path...}", http::bind<&http::StaticFiles::serve>(*files)}});
//
// Only what lies in the folder is reached: the kernel is asked to resolve paths beneath
// it (openat2), whatever "..", links or renames say. Symbolic links are refused, or
// followed within the folder. Names that begin with a dot are not served, and folders
// are not listed: a folder is its index file, after a redirection to its name with '/'.
//
// ETag and Last-Modified, conditions and ranges are those of content.h. Where the client
// takes brotli or gzip and "name.br" or "name.gz" lies beside a file whose type is
// compressible, that is sent, with Content-Encoding.
//
// Opening, and reading what is not in memory, happens under `reads`, on threads that may
// block; what the kernel has in memory is read at once (RWF_NOWAIT). A reply holds 64 KiB.
//
// Any task, several at once. `reads` outlives it.
#pragma once

#include <memory>
#include <string>

#include "weir/base/result.h"
#include "weir/core/limit.h"
#include "weir/core/task.h"
#include "weir/http/exchange.h"
#include "weir/http/handling.h"

namespace weir::http {

class StaticFiles {
 public:
  enum class Links : std::uint8_t { refuse, follow_within };

  struct Options {
    std::string root;                  // the folder; no default
    std::string parameter = "path";    // of the route's pattern: "{path...}"
    std::string index = "index.html";  // of a folder; empty: a folder is 404
    Links links = Links::refuse;
    bool precompressed = true;       // look for .br and .gz
    std::string cache_control = {};  // as it stands in the field; empty: none
    // Files kept open, each a descriptor. 0: each is opened for its request.
    std::uint32_t open_files = 256;
    // How long one of them is served before the folder is asked again.
    Duration valid_for = 1s;
  };

  // Opens the folder, which may block. Errors: those of opening it.
  static Result<StaticFiles> open(Options options, core::Limit& reads);
  StaticFiles(StaticFiles&&) noexcept;
  StaticFiles& operator=(StaticFiles&&) noexcept;
  ~StaticFiles();

  // A handler. What is not there, or is not to be known of, is 404. Errors: those of
  // the limit, and of a system out of descriptors.
  core::task<Result<>> serve(Exchange& exchange, const PathParams& path);

 private:
  struct State;
  explicit StaticFiles(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace weir::http

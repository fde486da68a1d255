// Files that are open already, by what was asked for: the least recently used go
// when there are too many, and what was looked at too long ago is looked at again.
// Any thread.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "weir/base/clock.h"
#include "weir/http/internal/file_root.h"
#include "weir/http/negotiation.h"

namespace weir::http::internal {

// Kept open by whoever sends it.
struct ServedFile {
  OpenFile file;
  ContentCoding coding = ContentCoding::identity;
  std::string etag;
};

class FileCache {
 public:
  // `max`: files; 0: none is kept.
  FileCache(std::size_t max, Duration valid_for) : max_(max), valid_for_(valid_for) {}

  // Null: not there, or looked at too long ago.
  std::shared_ptr<const ServedFile> find(const std::string& key, TimePoint now);
  void put(const std::string& key, std::shared_ptr<const ServedFile> file, TimePoint now);
  std::size_t size() const;

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const ServedFile> file;
    TimePoint seen;
  };

  const std::size_t max_;
  const Duration valid_for_;
  mutable std::mutex mutex_;
  // Guarded by mutex_. The most recently used first.
  std::list<Entry> entries_;
  std::unordered_map<std::string, std::list<Entry>::iterator> places_;
};

}  // namespace weir::http::internal

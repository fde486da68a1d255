#include "weir/http/internal/file_cache.h"

namespace weir::http::internal {

std::shared_ptr<const ServedFile> FileCache::find(const std::string& key, TimePoint now) {
  const std::lock_guard guard(mutex_);
  const auto place = places_.find(key);
  if (place == places_.end() || now - place->second->seen >= valid_for_) return nullptr;
  entries_.splice(entries_.begin(), entries_, place->second);
  return place->second->file;
}

void FileCache::put(const std::string& key, std::shared_ptr<const ServedFile> file, TimePoint now) {
  if (max_ == 0) return;
  std::shared_ptr<const ServedFile> gone;  // closed behind the lock
  const std::lock_guard guard(mutex_);
  if (const auto place = places_.find(key); place != places_.end()) {
    gone = std::exchange(place->second->file, std::move(file));
    place->second->seen = now;
    entries_.splice(entries_.begin(), entries_, place->second);
    return;
  }
  if (entries_.size() >= max_) {
    gone = std::move(entries_.back().file);
    places_.erase(entries_.back().key);
    entries_.pop_back();
  }
  entries_.push_front({key, std::move(file), now});
  places_.emplace(key, entries_.begin());
}

std::size_t FileCache::size() const {
  const std::lock_guard guard(mutex_);
  return entries_.size();
}

}  // namespace weir::http::internal

// Names of functions, also of those that are not exported: most coroutines are
// in unnamed namespaces, which the dynamic linker does not know.
#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>

#include "weir/core/internal/stack_sample.h"

namespace weir::core::internal {
namespace {

// A file in memory, read only.
class Mapped {
 public:
  explicit Mapped(const char* path) {
    const int file = ::open(path, O_RDONLY | O_CLOEXEC);
    struct stat status{};
    if (file >= 0 && ::fstat(file, &status) == 0 && status.st_size > 0) {
      size_ = static_cast<std::size_t>(status.st_size);
      data_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
    }
    if (file >= 0) ::close(file);
  }
  ~Mapped() {
    if (data_ != MAP_FAILED) ::munmap(data_, size_);
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;

  // `count` of them at `offset`; empty when the file does not hold them.
  template <typename T>
  std::span<const T> at(std::size_t offset, std::size_t count) const {
    if (data_ == MAP_FAILED || offset > size_ || count > (size_ - offset) / sizeof(T)) return {};
    return {reinterpret_cast<const T*>(static_cast<const char*>(data_) + offset), count};
  }

 private:
  void* data_ = MAP_FAILED;
  std::size_t size_ = 0;
};

// The name of the function that `offset` (an address as the file has it) is in.
std::string symbol_in(const Mapped& file, std::uintptr_t offset) {
  const auto header = file.at<ElfW(Ehdr)>(0, 1);
  if (header.empty() || std::memcmp(header[0].e_ident, ELFMAG, SELFMAG) != 0) return {};
  const auto sections = file.at<ElfW(Shdr)>(header[0].e_shoff, header[0].e_shnum);
  for (const ElfW(Shdr) & section : sections) {
    if (section.sh_type != SHT_SYMTAB || section.sh_link >= sections.size()) continue;
    const ElfW(Shdr)& strings = sections[section.sh_link];
    const auto names = file.at<char>(strings.sh_offset, strings.sh_size);
    for (const auto& symbol : file.at<ElfW(Sym)>(section.sh_offset, section.sh_size / sizeof(ElfW(Sym)))) {
      if ((symbol.st_info & 0xf) != STT_FUNC || offset - symbol.st_value >= symbol.st_size) continue;
      if (symbol.st_name >= names.size()) continue;
      const auto name = names.subspan(symbol.st_name);
      return {name.data(), ::strnlen(name.data(), name.size())};
    }
  }
  return {};
}

std::string demangle(const std::string& name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), &std::free);
  return status == 0 ? std::string(text.get()) : name;
}

}  // namespace

std::string name_of_code(const void* address) {
  Dl_info info{};
  if (::dladdr(address, &info) == 0 || info.dli_fname == nullptr) {
    std::array<char, 24> text{};
    std::snprintf(text.data(), text.size(), "%p", address);
    return text.data();
  }
  const auto offset =
      reinterpret_cast<std::uintptr_t>(address) - reinterpret_cast<std::uintptr_t>(info.dli_fbase);
  // A program that is not position-independent has its addresses as they are.
  // The program itself by a name that holds from any working directory.
  const bool own = ::getauxval(AT_PHDR) - reinterpret_cast<std::uintptr_t>(info.dli_fbase) < 4096;
  const Mapped file(own ? "/proc/self/exe" : info.dli_fname);
  const auto header = file.at<ElfW(Ehdr)>(0, 1);
  const bool fixed = !header.empty() && header[0].e_type == ET_EXEC;
  std::string name = symbol_in(file, fixed ? reinterpret_cast<std::uintptr_t>(address) : offset);
  if (name.empty() && info.dli_sname != nullptr) name = info.dli_sname;
  const char* slash = std::strrchr(info.dli_fname, '/');
  std::array<char, 40> place{};
  std::snprintf(place.data(), place.size(), "+0x%zx", static_cast<std::size_t>(offset));
  const std::string module = (slash == nullptr ? info.dli_fname : slash + 1) + std::string(place.data());
  return name.empty() ? module : demangle(name) + " at " + module;
}

}  // namespace weir::core::internal

# What the tree needs from the system: Debian 12 packages, all in main
# (scripts/lib/packages.sh has the list).
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(simdjson REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(prometheus-cpp REQUIRED CONFIG)
find_package(Boost 1.81 REQUIRED)  # headers only
find_package(OpenSSL 3.0 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
pkg_check_modules(BROTLI REQUIRED IMPORTED_TARGET libbrotlienc libbrotlidec)
if(WEIR_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
if(WEIR_BENCHES)
  find_package(benchmark QUIET)
endif()

# llhttp comes as C sources (package node-llhttp). Strict: what the RFC forbids
# is an error, not a guess.
find_path(WEIR_LLHTTP_SOURCE NAMES llhttp.c PATHS /usr/share/llhttp /usr/local/share/llhttp NO_DEFAULT_PATH)
find_path(WEIR_LLHTTP_INCLUDE NAMES llhttp.h PATHS /usr/share/include/llhttp /usr/local/share/include/llhttp
          NO_DEFAULT_PATH)
if(NOT WEIR_LLHTTP_SOURCE OR NOT WEIR_LLHTTP_INCLUDE)
  message(FATAL_ERROR "llhttp's sources are missing. On Debian 12: apt-get install node-llhttp")
endif()
add_library(weir_llhttp STATIC EXCLUDE_FROM_ALL
  ${WEIR_LLHTTP_SOURCE}/api.c ${WEIR_LLHTTP_SOURCE}/http.c ${WEIR_LLHTTP_SOURCE}/llhttp.c)
target_compile_definitions(weir_llhttp PUBLIC LLHTTP_STRICT_MODE=1)
target_include_directories(weir_llhttp SYSTEM PUBLIC ${WEIR_LLHTTP_INCLUDE})

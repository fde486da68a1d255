# Debian packages by purpose. Names are Debian 12's, all from main.

# To build the programs.
packages_build=(
  clang-19 lld-19 libstdc++-12-dev libc6-dev cmake ninja-build pkg-config
  node-llhttp        # the HTTP/1 parser, as C sources
  libyaml-cpp-dev libsimdjson-dev libcli11-dev libfmt-dev prometheus-cpp-dev
  libboost1.81-dev   # its flat hash maps; headers only
  libssl-dev         # TLS
  libnghttp2-dev     # HTTP/2's frames and header compression
  zlib1g-dev libbrotli-dev
)

# To build and run the tests.
packages_test=(libgtest-dev libgmock-dev curl)

# Sanitizers, fuzzers, linters; benchmarks, to see that they compile; a browser,
# to see that the pages work.
packages_ci=(libclang-rt-19-dev llvm-19 clang-format-19 clang-tidy-19 libbenchmark-dev chromium)

# What installs the web pages' parts; only where there is no npm of another kind.
packages_web=(nodejs npm)

# The other side of comparisons, and what drives and watches both.
packages_bench=(libbenchmark-dev golang-go nginx-light haproxy h2o nghttp2-client openssl wrk linux-perf curl jq tcpdump slowhttptest valgrind)

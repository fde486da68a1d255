#include "weir/service/demo_config.h"

namespace weir::service {

std::string_view demo_config() {
  return R"(# A bounds file: how much may be inside this gateway at once, and why.
#   weir check bounds.yaml     says what is wrong with it, all at once
#   weir serve bounds.yaml     runs it
# docs/bounds-yaml.md describes every key.

service: demo
listen: 127.0.0.1:8080      # for requests
admin: 127.0.0.1:9090       # /healthz /readyz /metrics /debug/bounds

bounds:
  # Requests inside the gateway at once. One more waits, if the queue has room and
  # for no longer than it says; otherwise it is refused at once, with 503.
  inflight:
    limit: 100
    queue: { depth: 200, wait: 100ms }
    because: "at 20 ms a request, 100 at once are 5,000 a second: plenty for two processors"
  # The same for each value of a header: over it 429, so that one noisy client
  # leaves room for the others.
  tenant:
    key: "header:X-Tenant-ID"
    inflight: 50
    because: "half of all: one tenant alone can never fill the gateway"

upstreams:
  # The upstream built into weir: it answers as slowly, as largely and as badly as it
  # is asked to, as in /demo?ms=20&bytes=1024. Yours has a url such as
  # "http://127.0.0.1:9001".
  demo:
    url: "embedded:demo"
    inflight: 100
    timeout: 2s
    because: "it has no limit of its own: as many as bounds.inflight lets in"

routes:
  # The beginning of a path; the longest that fits wins.
  - { match: "/", upstream: demo }

# What the gateway takes from its clients. These are the defaults.
server:
  connections: 10000
  header_bytes: 32KiB
  headers: 100
  target_bytes: 8KiB
  body_bytes: 1MiB
  header_timeout: 10s
  body_grace: 10s
  body_rate: 1KiB
  write_timeout: 30s
  idle_timeout: 1m

# After SIGTERM: how long what is in flight may take.
drain:
  deadline: 10s
  readiness_delay: 0s
)";
}

}  // namespace weir::service

# What is compared over HTTP, side by side: servers of small replies and proxies.
# Source it after bench.sh, call bench_begin; start_server and start_proxy leave
# what they started in the maps below, by its name.

declare -A process=() side_port=() tls_port=()

# make_certificate: for 127.0.0.1, where servers that speak TLS find it.
make_certificate() {
  [[ ! -f $bench_dir/bench.crt ]] || return 0
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" \
    -keyout "$bench_dir/bench.key" -out "$bench_dir/bench.crt" 2>"$bench_dir/openssl.err" ||
    die "openssl made no certificate: $(cat "$bench_dir/openssl.err")"
}

# make_files: of 128 KiB and 1 MiB, for servers of files.
make_files() {
  [[ ! -d $bench_dir/files ]] || return 0
  mkdir "$bench_dir/files"
  head -c $((128 * 1024)) /dev/zero >"$bench_dir/files/128k"
  head -c $((1024 * 1024)) /dev/zero >"$bench_dir/files/1m"
}

# start_server <weir|nginx|h2o|go|epoll>: and sees that it answers.
start_server() {
  local name=$1
  make_certificate
  make_files
  free_port
  tls_port[$name]=$port
  free_port
  side_port[$name]=$port
  "start_server_$name"
  process[$name]=$started
  wait_for_reply "$started" "http://127.0.0.1:${side_port[$name]}/plaintext" 15 || {
    show_log "$name"
    die "the server $name did not start"
  }
}

start_server_weir() {
  start weir "$root/build/release/bin/bench_http_server" --listen "127.0.0.1:$port" \
    --files "$bench_dir/files" --tls-listen "127.0.0.1:${tls_port[weir]}" --certificate "$bench_dir/bench.crt" --key "$bench_dir/bench.key"
}

start_server_nginx() {
  fill "$root/bench/peers/nginx_http.conf.in" "LISTEN_PORT=$port" "TLS_PORT=${tls_port[nginx]}" >"$bench_dir/nginx-http.conf"
  start nginx nginx -c "$bench_dir/nginx-http.conf" -p "$bench_dir" -e "$bench_dir/nginx-http.log"
}

start_server_h2o() {
  mkdir -p "$bench_dir/www"
  printf 'Hello, World!' >"$bench_dir/www/plaintext.txt"
  printf '{"message":"Hello, World!"}' >"$bench_dir/www/json.json"
  fill "$root/bench/peers/h2o_http.conf.in" "LISTEN_PORT=$port" "TLS_PORT=${tls_port[h2o]}" \
    "PROCESSORS=$(nproc)" "USER=$(id -un)" >"$bench_dir/h2o.conf"
  start h2o h2o -c "$bench_dir/h2o.conf"
}

start_server_go() { start go "$root/build/peers/http_server" -listen "127.0.0.1:$port"; }

start_server_epoll() { start epoll "$root/build/release/bin/bench_epoll_loop" --listen-port "$port"; }

# start_proxy <weir|weir-minimal|nginx|haproxy|go>: before the upstream of
# start_upstream, and sees that it proxies.
start_proxy() {
  local name=$1
  free_port
  admin_port=$port
  free_port
  side_port[$name]=$port
  "start_proxy_${name//-/_}"
  process[$name]=$started
  wait_for_reply "$started" "http://127.0.0.1:$port/" 15 || {
    show_log "$name"
    die "the proxy $name did not start"
  }
}

# weir_serve <name>: by the bounds file on stdin.
weir_serve() {
  cat >"$bench_dir/$1.yaml"
  start "$1" "$root/build/release/bin/weir" serve "$bench_dir/$1.yaml" \
    --listen "127.0.0.1:$port" --admin "127.0.0.1:$admin_port"
}

# All that can stand between a request and its upstream, short of what answers in
# its place (a cache) or sends it twice (a hedge). Callers send the three fields.
start_proxy_weir() {
  weir_serve weir <<EOF
service: bench-proxy
bounds:
  inflight:
    limit: 2048
    queue: { depth: 400, wait: 50ms, order: priority }
    limiter: queue_delay
    initial: 2048
    because: "more than the load generator's connections: none is refused"
  tenant: { key: "header:X-Tenant", inflight: 2048, rate: { limit: 1000000 }, because: "the same" }
  caller: { key: "header:X-Caller", rate: { limit: 1000000 }, because: "the same" }
  priority: { key: "header:X-Priority" }
  memory: { shed_at: 0.9 }
upstreams:
  nginx:
    url: "http://127.0.0.1:$upstream_port"
    inflight: 2048
    queue: { depth: 100 }
    timeout: 10s
    because: "the same"
    retry: { tries: 2, try_timeout: 5s }
    breaker: { slow_after: 5s }
    throttle: {}
routes:
  - { match: "/", upstream: nginx }
EOF
}

# Next to nothing is declared: what is left is the proxy.
start_proxy_weir_minimal() {
  weir_serve weir-minimal <<EOF
service: bench-proxy
bounds:
  inflight: { limit: 2048, because: "more than the load generator's connections: none is refused" }
upstreams:
  nginx: { url: "http://127.0.0.1:$upstream_port", inflight: 2048, timeout: 10s, because: "the same" }
routes:
  - { match: "/", upstream: nginx }
EOF
}

start_proxy_nginx() {
  fill "$root/bench/peers/nginx_proxy.conf.in" "UPSTREAM_PORT=$upstream_port" "LISTEN_PORT=$port" >"$bench_dir/nginx.conf"
  start nginx nginx -c "$bench_dir/nginx.conf" -p "$bench_dir" -e "$bench_dir/nginx.log"
}

start_proxy_haproxy() {
  fill "$root/bench/peers/haproxy.cfg.in" "UPSTREAM_PORT=$upstream_port" "LISTEN_PORT=$port" >"$bench_dir/haproxy.cfg"
  start haproxy haproxy -db -f "$bench_dir/haproxy.cfg"
}

start_proxy_go() {
  start go "$root/build/peers/reverse_proxy" -listen "127.0.0.1:$port" -upstream "http://127.0.0.1:$upstream_port"
}

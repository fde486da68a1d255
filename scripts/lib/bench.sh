# Shared by scripts/bench-*: source it after common.sh, call bench_begin, and
# whatever is started with `start` is ended when the script is, however it ends.

# bench_begin: a folder of our own in $bench_dir, gone at the end.
bench_begin() {
  bench_dir=$(mktemp -d "${TMPDIR:-/tmp}/weir-bench.XXXXXX")
  # nginx's workers give up root, and must be able to enter.
  chmod 711 "$bench_dir"
  bench_started=()
  trap bench_end EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

bench_end() {
  local status=$?
  trap - EXIT
  trap '' INT TERM  # a second Ctrl-C must not leave half of them running
  stop_all
  rm -rf "$bench_dir"
  exit "$status"
}

# start <name> <command>...: in the background, output to $bench_dir/<name>.out and
# .err; its process in $started.
start() {
  local name=$1
  shift
  "$@" >"$bench_dir/$name.out" 2>"$bench_dir/$name.err" </dev/null &
  started=$!
  bench_started+=("$started")
}

# stop <process>: asks, waits up to 10 s, then does not ask any more. Prints nothing;
# returns 1 if it had to be killed.
stop() {
  local process=$1 round
  kill -TERM "$process" 2>/dev/null || return 0
  for ((round = 0; round < 100; round++)); do
    is_running "$process" || break
    sleep 0.1
  done
  if is_running "$process"; then
    # shellcheck disable=SC2046  # several processes
    kill -KILL "$process" $(children_of "$process") 2>/dev/null || true
    wait "$process" 2>/dev/null || true
    return 1
  fi
  wait "$process" 2>/dev/null || true
}

stop_all() {
  local process
  for process in "${bench_started[@]}"; do
    stop "$process" || true
  done
  bench_started=()
}

# is_running <process>: a zombie is not.
is_running() {
  local state
  state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) && [[ -n "$state" && "$state" != Z ]]
}

# children_of <process>: on one line.
children_of() {
  cat /proc/[0-9]*/stat 2>/dev/null |
    awk -v parent="$1" '{ id = $1; sub(/.*\) /, ""); if ($2 == parent) printf "%s ", id }'
}

# cpu_ticks <process>: user and system time of it and its children so far.
cpu_ticks() {
  local process files=("/proc/$1/stat")
  for process in $(children_of "$1"); do
    files+=("/proc/$process/stat")
  done
  awk '{ sub(/.*\) /, ""); sum += $12 + $13 } END { print sum + 0 }' "${files[@]}"
}

rss_kib() { awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"; }

descriptors() {
  local open=("/proc/$1/fd/"*)
  echo "${#open[@]}"
}

# free_port: below the kernel's own range for outgoing connections. In $port.
free_port() {
  local try
  for ((try = 0; try < 100; try++)); do
    port=$((10000 + RANDOM % 20000))
    # Nobody answers there, and we have not given it away already.
    if [[ " ${bench_ports:-} " != *" $port "* ]] && ! (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      bench_ports="${bench_ports:-} $port"
      return 0
    fi
  done
  die "no free port found"
}

# fill <template> <NAME=value>...: to stdout, with @NAME@ replaced.
fill() {
  local template=$1 pair
  local substitutions=(-e "s|@DIR@|$bench_dir|g")
  shift
  for pair in "$@"; do
    substitutions+=(-e "s|@${pair%%=*}@|${pair#*=}|g")
  done
  sed "${substitutions[@]}" "$template"
}

# wait_for_reply <process> <url> <seconds>: until it answers 200; 1 if it ends or
# time is up first.
wait_for_reply() {
  local process=$1 url=$2 deadline=$((SECONDS + $3))
  while ((SECONDS < deadline)); do
    is_running "$process" || return 1
    if [[ $(curl -s -o /dev/null -w '%{http_code}' --max-time 2 "$url" || true) == 200 ]]; then
      return 0
    fi
    sleep 0.05
  done
  return 1
}

# show_log <name>: why it did not start.
show_log() {
  sed 's/^/  /' "$bench_dir/$1.out" "$bench_dir/$1.err" >&2 || true
}

# start_upstream: nginx with small replies, its port in $upstream_port.
start_upstream() {
  free_port
  upstream_port=$port
  fill "$root/bench/peers/upstream.conf.in" "UPSTREAM_PORT=$upstream_port" >"$bench_dir/upstream.conf"
  start upstream nginx -c "$bench_dir/upstream.conf" -p "$bench_dir" -e "$bench_dir/upstream.log"
  wait_for_reply "$started" "http://127.0.0.1:$upstream_port/" 10 || {
    show_log upstream
    die "the nginx upstream did not start"
  }
}

# build_peer <folder>...: our Go programs, to $root/build/peers/<folder>. Only the
# standard library, so nothing is fetched.
build_peer() {
  local peer
  for peer in "$@"; do
    (cd "$root/bench/peers" && GOPROXY=off GOFLAGS=-trimpath GOTOOLCHAIN=local GOWORK=off \
      go build -o "$root/build/peers/$peer" "./$peer") || die "could not build bench/peers/$peer"
  done
}

# run_wrk <seconds> <wrk option>... <url>: its report as JSON. wrk itself is
# stopped when it does not end by itself.
run_wrk() {
  local seconds=$1 report
  shift
  report=$(timeout --foreground -k 5 $((seconds + 30)) wrk -d"${seconds}s" -s "$root/bench/peers/wrk_report.lua" "$@" |
    sed -n 's/^report //p') || return 1
  [[ -n "$report" ]] && printf '%s\n' "$report"
}

# machine_json: what a figure means little without.
machine_json() {
  local commit changed=false
  commit=$(git -C "$root" rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
  git -C "$root" diff --quiet HEAD 2>/dev/null || changed=true
  jq -n --arg cpu "$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)" \
    --argjson processors "$(nproc)" --arg kernel "$(uname -r)" --arg commit "$commit" --argjson changed $changed \
    --argjson memory_bytes "$(awk '/^MemTotal:/ { printf "%.0f", $2 * 1024 }' /proc/meminfo)" \
    --argjson load "$(cut -d' ' -f1 /proc/loadavg)" --arg at "$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
    '{at: $at, commit: $commit, uncommitted_changes: $changed, cpu: $cpu, processors: $processors,
      memory_bytes: $memory_bytes, kernel: $kernel, load_before: $load}'
}

# say_machine <machine_json>: as a line.
say_machine() {
  jq -r '"\(.processors) x \(.cpu), \(.memory_bytes / 1073741824 | round) GiB, Linux \(.kernel), commit \(.commit)" +
         (if .uncommitted_changes then " with changes" else "" end) + ", load before \(.load_before)"' <<<"$1"
}

# keep_json <file> <json>: a line more in it; - is stdout.
keep_json() {
  if [[ $1 == - ]]; then
    jq -c . <<<"$2"
  else
    jq -c . <<<"$2" >>"$1"
  fi
}

# check_count <option> <value> <max>: a whole number from 1.
check_count() {
  [[ "$2" =~ ^[1-9][0-9]{0,6}$ && "$2" -le "$3" ]] || die "$1 takes a number from 1 to $3, not '$2'"
}

# help: the comment at the top of the script that calls it.
help() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
  exit 0
}

# table: lines of cells between tabs, the first line their names; the first column
# to the left, the others to the right.
table() {
  awk -F '\t' '
    { for (i = 1; i <= NF; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) }
      if (NF > columns) columns = NF }
    END {
      for (row = 1; row <= NR; row++) {
        line = sprintf("%-" width[1] "s", cell[row, 1])
        for (i = 2; i <= columns; i++) line = line sprintf("  %" width[i] "s", cell[row, i])
        print line
        if (row == 1) { gsub(/./, "-", line); print line }
      }
    }'
}

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

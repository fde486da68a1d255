# Of scripts/bench-http: sides that take turns under load, and what came of it.
# Uses $rounds, $seconds, $json, $machine; sets $failed.

# What the bounds of our proxy tell requests by; for all sides.
fields=(-H "X-Tenant: one" -H "X-Caller: wrk" -H "X-Priority: high")

start_servers() {
  local side
  for side in "$@"; do start_server "$side"; done
}

start_proxies() {
  local side
  start_upstream
  for side in "$@"; do start_proxy "$side"; done
}

# url_of <side>: a side is a name, or a name@path; /plaintext where there is none.
url_of() {
  local path=/plaintext
  [[ $1 != *@/* ]] || path=${1#*@}
  printf 'http://127.0.0.1:%s%s' "${side_port[${1%%@*}]}" "$path"
}

# Ways to load a side: by_... <side> <connections> <seconds>. A line of JSON with
# replies, seconds, failed and not_2xx, and latencies as far as it knows them.
by_wrk() {
  run_wrk "$3" -t1 -c"$2" "${fields[@]}" "$(url_of "$1")" | jq -c '. + {failed: (.errors | add)}'
}

by_wrk_pipelined() {
  run_wrk "$3" -t1 -c"$2" "$(url_of "$1")" -- 16 | jq -c '. + {failed: (.errors | add)}'
}

by_h2load() {
  timeout --foreground -k 5 $(($3 + 30)) h2load -D "$3" -c "$2" -m 32 -t1 \
    "https://127.0.0.1:${tls_port[${1%%@*}]}/plaintext" 2>&1 | awk -v seconds="$3" '
    /^requests:/ { done = $6; failed = $10 + $12 + $14 }
    /^status codes:/ { ok = $3 }
    END {
      if (done == "") exit 1
      printf "{\"replies\":%d,\"seconds\":%d,\"failed\":%d,\"not_2xx\":%d}\n", done, seconds, failed, done - ok - failed
    }'
}

# weir_load <seconds> <option>...: `weir load` with its report as the ways above have it.
weir_load() {
  local length=$1 report
  shift
  # 3: it did not keep to its plan, which the report says as well.
  report=$("$root/build/release/bin/weir" load -d "$((length + 1))s" --warm-up 1s --json "$@" 2>/dev/null) || [[ $? == 3 ]] || return 1
  jq -c '. + {replies: .good, seconds: .measured_s, not_2xx: .refused, failed: (.failed + .not_sent),
              latency_ms_p50: .latency.p50_ms, latency_ms_p99: .latency.p99_ms, latency_ms_p999: .latency.p999_ms}
         | {replies, seconds, failed, not_2xx, latency_ms_p50, latency_ms_p99, latency_ms_p999, timely_share, groups}' <<<"$report"
}

# find_rate <connections> <side>...: 70% of what the slowest reaches, in $rate.
find_rate() {
  local connections=$1 side reached least=
  shift
  for side in "$@"; do
    reached=$(weir_load 2 --closed "$connections" "$(url_of "$side")" | jq '.replies / .seconds | floor') || die "no load on $side"
    say "$side answers $reached/s in a closed loop"
    [[ -n $least && $least -le $reached ]] || least=$reached
  done
  rate=$((least * 7 / 10))
  [[ $rate -gt 0 ]] || die "the slowest answers nothing"
}

by_open_loop() { weir_load "$3" --rate "$rate" --poisson --open-ahead "$2" --inflight "$2" "$(url_of "$1")"; }

# make_mixes: 500 requests a second, of which 1 in 100 computes, or none.
make_mixes() {
  rate=500
  printf 'requests:\n  - { name: light, path: /plaintext }\n' >"$bench_dir/light.yaml"
  printf 'requests:\n  - { name: light, path: /plaintext, weight: 99 }\n  - { name: heavy, path: "/heavy?ms=100" }\n' \
    >"$bench_dir/heavy.yaml"
}

# The latencies are of the light ones. A side is name@mix.
by_mix() {
  weir_load "$3" --rate "$rate" --poisson --inflight "$2" --mix "$bench_dir/${1#*@}.yaml" \
    "http://127.0.0.1:${side_port[${1%%@*}]}/" |
    jq -c '(.groups[] | select(.name == "light") | .latency) as $light
           | . + {latency_ms_p50: $light.p50_ms, latency_ms_p99: $light.p99_ms, latency_ms_p999: $light.p999_ms} | del(.groups)'
}

# measure <way> <side> <connections>: one turn, as JSON.
measure() {
  local before after report
  before=$(cpu_ticks "${process[${2%%@*}]}")
  report=$("$1" "$2" "$3" "$seconds") || return 1
  after=$(cpu_ticks "${process[${2%%@*}]}")
  jq -c --arg side "$2" --argjson ticks $((after - before)) --argjson hertz "$(getconf CLK_TCK)" \
    '{side: $side, per_s: (.replies / .seconds),
      cpu_us: (if .replies > 0 then $ticks / $hertz * 1e6 / .replies else null end)} + .' <<<"$report"
}

# take_turns <work> <connections> <way> <side>...: the first is what the others are
# compared with.
take_turns() {
  local work=$1 connections=$2 way=$3 side turn round i turns=()
  shift 3
  for side in "$@"; do "$way" "$side" "$connections" 1 >/dev/null || die "no load on $side"; done
  for ((round = 1; round <= rounds; round++)); do
    for ((i = 0; i < $#; i++)); do
      side=${*:$((1 + (round + i) % $#)):1}
      turn=$(measure "$way" "$side" "$connections") || die "the load on $side failed in round $round"
      turns+=("$(jq -c --argjson round "$round" '. + {round: $round}' <<<"$turn")")
      say "$work $connections, round $round of $rounds  $(jq -r '"\(.side)\t\(.per_s | floor)/s  \((.cpu_us // 0) * 100 | round / 100) us  \(.failed) failed"' <<<"$turn")"
    done
  done
  report_turns "$(printf '%s\n' "${turns[@]}" | jq -sc --argjson machine "$machine" --arg work "$work" \
    --argjson connections "$connections" --argjson seconds "$seconds" --arg base "$1" '
    def median: sort | if length == 0 then null elif length % 2 == 1 then .[length / 2 | floor]
                else (.[length / 2] + .[length / 2 - 1]) / 2 end;
    def spread: map(select(. != null)) | {median: median, min: min, max: max};
    def over($a; $b): if $a == null or $b == null or $b == 0 then null else $a / $b end;
    (map(select(.side == $base)) | map({key: "\(.round)", value: .}) | from_entries) as $of_base
    | {benchmark: "http", work: $work, connections: $connections, machine: $machine, seconds: $seconds, base: $base,
       sides: (group_by(.side) | map({
         side: .[0].side,
         cpu_us: (map(.cpu_us) | spread),
         cpu_base_to_this: (map(over($of_base["\(.round)"].cpu_us; .cpu_us)) | spread),
         per_s: (map(.per_s) | spread),
         per_s_base_to_this: (map(over($of_base["\(.round)"].per_s; .per_s)) | spread),
         latency_ms_p50: (map(.latency_ms_p50) | spread), latency_ms_p99: (map(.latency_ms_p99) | spread),
         latency_ms_p999: (map(.latency_ms_p999) | spread),
         failed: (map(.failed) | add), not_2xx: (map(.not_2xx) | add)}) | sort_by(.side != $base, .side)),
       turns: map(del(.groups))}')"
}

# report_turns <result>: a table, and where it is wanted a line of JSON.
report_turns() {
  {
    echo
    jq -r '"\(.work), \(.connections) connections, \(.turns | map(.round) | max) rounds of \(.seconds) s; ratios are \(.base) to the side"' <<<"$1"
    say_machine "$machine"
    echo
    jq -r '
      def fixed(digits): if . == null then "-" else pow(10; digits) as $p | (. * $p | round) / $p | tostring end;
      def range(digits): "\(.min | fixed(digits))..\(.max | fixed(digits))";
      ["side", "cpu us", "cpu ratio", "min..max", "per s", "ratio", "min..max", "p50 ms", "p99 ms", "p99.9 ms", "not 2xx", "failed"],
      (.sides[] | [.side, (.cpu_us.median | fixed(2)), (.cpu_base_to_this.median | fixed(2)), (.cpu_base_to_this | range(2)),
        (.per_s.median | fixed(0)), (.per_s_base_to_this.median | fixed(2)), (.per_s_base_to_this | range(2)),
        (.latency_ms_p50.median | fixed(2)), (.latency_ms_p99.median | fixed(2)), (.latency_ms_p999.median | fixed(2)),
        .not_2xx, .failed])
      | @tsv' <<<"$1" | table
  } | { if [[ $json == - ]]; then cat >&2; else cat; fi; }
  [[ -z $json ]] || keep_json "$json" "$1"
  jq -e 'all(.sides[]; .failed == 0 and .not_2xx == 0)' <<<"$1" >/dev/null || failed=1
}

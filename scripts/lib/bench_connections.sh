# Of scripts/bench-http: connections that are only held, and the memory they take.

# anonymous_kib <process>...: their own memory, files they map left out.
anonymous_kib() {
  local process sum=0 each
  for process in "$@"; do
    each=$(awk '/^RssAnon:/ { print $2 }' "/proc/$process/status") || return 1
    sum=$((sum + each))
  done
  echo "$sum"
}

# kernel_kib: what the kernel has allocated on this machine, for whomever.
kernel_kib() { awk '/^(Slab|Percpu|KernelStack|PageTables):/ { sum += $2 } END { print sum + 0 }' /proc/meminfo; }

# hold <port> <connections> <first source> <seconds>: in the background; its
# process in $started, its output in $bench_dir/hold-<first source>.out.
hold() {
  start "hold-$3" "$root/build/release/bin/bench_hold_connections" \
    --port "$1" --connections "$2" --first-source "$3" --for "$4"
}

# until_holding <process> <first source>: waits until all are open and answered.
until_holding() {
  local deadline=$((SECONDS + 120))
  until grep -q holding "$bench_dir/hold-$2.out"; do
    is_running "$1" && ((SECONDS < deadline)) || {
      show_log "hold-$2"
      die "connections could not be held"
    }
    sleep 0.05
  done
}

# report_held <result>: a table, and where it is wanted a line of JSON.
report_held() {
  {
    echo
    jq -r '"\(.work): user memory of the server, its own pages; the kernel'"'"'s is that of the whole machine, both ends"' <<<"$1"
    say_machine "$machine"
    echo
    jq -r '["side", "processes", "asked", "answered", "refused", "closed", "answered after", "user bytes each", "kernel bytes each"],
      (.sides[] | [.side, .processes, .asked, .answered, .refused, .closed, .answered_after,
        (.user_bytes_each | round), (.kernel_bytes_each | round)]) | @tsv' <<<"$1" | table
  } | { if [[ $json == - ]]; then cat >&2; else cat; fi; }
  [[ -z $json ]] || keep_json "$json" "$1"
}

# hold_on <side> <port> <seconds> <connections each> <processes>: of $servers, each
# held by a process of its own; a line of JSON.
hold_on() {
  local side=$1 port=$2 length=$3 each=$4 count=$5 user_before kernel_before user_after kernel_after i holders=() held_lines=()
  user_before=$(anonymous_kib "${servers[@]}")
  kernel_before=$(kernel_kib)
  for ((i = 0; i < count; i++)); do
    hold "$port" "$each" $((1 + i * 1000)) "$length"
    holders+=("$started")
  done
  for ((i = 0; i < count; i++)); do until_holding "${holders[$i]}" $((1 + i * 1000)); done
  user_after=$(anonymous_kib "${servers[@]}")
  kernel_after=$(kernel_kib)
  for ((i = 0; i < count; i++)); do
    wait "${holders[$i]}" || failed=1
    held_lines+=("$(sed -n '/^{/p' "$bench_dir/hold-$((1 + i * 1000)).out")")
  done
  printf '%s\n' "${held_lines[@]}" | jq -sc --arg side "$side" --argjson processes "${#servers[@]}" \
    --argjson user $((user_after - user_before)) --argjson kernel $((kernel_after - kernel_before)) '
    {side: $side, processes: $processes, asked: (map(.asked) | add), answered: (map(.answered) | add),
     refused: (map(.refused) | add), closed: (map(.closed) | add), answered_after: (map(.answered_after) | add)}
    | . + {user_bytes_each: ($user * 1024 / .answered), kernel_bytes_each: ($kernel * 1024 / .answered)}'
}

work_idle() {
  local side servers sides=()
  for side in weir go; do
    start_server "$side"
    servers=("${process[$side]}")
    hold_on "$side" "${side_port[$side]}" 5 18000 1 >"$bench_dir/held.json"
    sides+=("$(cat "$bench_dir/held.json")")
    stop "${process[$side]}"
  done
  report_held "$(printf '%s\n' "${sides[@]}" | jq -sc --argjson machine "$machine" \
    '{benchmark: "http", work: "idle", machine: $machine, sides: .}')"
}

# As many processes as it takes for each to have descriptors to spare: the kernel
# spreads connections by chance.
work_held() {
  local descriptors count i servers=()
  descriptors=$(ulimit -Hn)
  count=$((held * 10 / (descriptors * 9) + 1))
  free_port
  for ((i = 0; i < count; i++)); do
    start "weir-$i" "$root/build/release/bin/bench_http_server" --listen "127.0.0.1:$port" --share-port --connections "$descriptors"
    servers+=("$started")
  done
  wait_for_reply "${servers[0]}" "http://127.0.0.1:$port/plaintext" 15 || die "the servers did not start"
  hold_on weir "$port" 10 $((held / count)) "$count" >"$bench_dir/held.json"
  report_held "$(jq -sc --argjson machine "$machine" '{benchmark: "http", work: "held", machine: $machine, sides: .}' "$bench_dir/held.json")"
}

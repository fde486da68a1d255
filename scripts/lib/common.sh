# Shared by the scripts: source it, with `root` set to the top of the tree.
# Everything said here goes to stderr; stdout belongs to the programs.

. "$root/scripts/lib/packages.sh"

step() { printf '\n==> %s\n' "$*" >&2; }
say() { printf '%s\n' "$*" >&2; }
# Exit code 2: usage or configuration, as the programs have it.
die() { say "$*"; exit 2; }

# ensure_packages <purpose>...: installs what is missing. One dpkg-query, and
# nothing else, where nothing is.
ensure_packages() {
  [[ "${WEIR_SKIP_PACKAGES:-}" != 1 ]] || return 0
  local wanted=() purpose
  for purpose in "$@"; do
    local -n list="packages_$purpose"
    wanted+=("${list[@]}")
  done
  if ! command -v dpkg-query >/dev/null; then
    die "This is no Debian, so packages cannot be installed by name. Needed, under the names Debian 12 has:
  ${wanted[*]}
Install their counterparts, then run again with WEIR_SKIP_PACKAGES=1."
  fi
  local -A installed=()
  local name status
  while read -r name status; do
    [[ "$status" != installed ]] || installed[$name]=1
  done < <(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null || true)
  local missing=()
  for name in "${wanted[@]}"; do
    [[ -n "${installed[$name]:-}" ]] || missing+=("$name")
  done
  [[ ${#missing[@]} -eq 0 ]] || install_packages "${missing[@]}"
}

install_packages() {
  local as_root=()
  if [[ $EUID -ne 0 ]]; then
    # Without a terminal sudo could ask nobody for a password.
    if command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
      as_root=(sudo)
    else
      die "Packages are missing, and this is neither root nor can it use sudo. As root, run:
  apt-get update && apt-get install --no-install-recommends $*"
    fi
  fi
  step "Installing ${#} packages: $*"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
  # A mirror that is out of reach is told by the install, with the package's name.
  "${apt[@]}" update >&2 || say "apt-get update failed; trying with the lists that are here"
  if ! "${apt[@]}" install -y --no-install-recommends "$@" >&2; then
    die "apt-get could not install: $*"
  fi
}

# What web/package-lock.json names, into web/node_modules: where that was done
# since it changed, nothing, and no network.
ensure_web_packages() {
  [[ ! "$root/web/node_modules/.package-lock.json" -nt "$root/web/package-lock.json" ]] || return 0
  { command -v node && command -v npm; } >/dev/null || ensure_packages web
  step "Installing the web pages' parts"
  (cd "$root/web" && npm ci --loglevel=error >&2) || die "npm ci failed in web/"
}

# configure <preset> [cmake option]...: only when it has to be. Ninja itself sees
# changed CMake files and added sources; presets and options are for us to see.
configure() {
  local preset=$1 folder="$root/build/$1" option
  shift
  ensure_web_packages
  local due=0
  [[ -f "$folder/build.ninja" && ! "$root/CMakePresets.json" -nt "$folder/build.ninja" ]] || due=1
  for option in "$@"; do  # -DNAME=VALUE
    local name=${option#-D} value=${option#*=}
    grep -q "^${name%%=*}:[A-Z]*=$value\$" "$folder/CMakeCache.txt" 2>/dev/null || due=1
  done
  [[ $due -eq 1 ]] || return 0
  step "Configuring $preset"
  (cd "$root" && cmake --preset "$preset" "$@" >&2)
}

# build <preset> [target]...
build() {
  local preset=$1
  shift
  step "Building $preset${*:+: $*}"
  ninja -C "$root/build/$preset" -j "$(nproc)" "$@" >&2
}

is_preset() {
  case "$1" in release | dev | asan | tsan) ;; *) return 1 ;; esac
}

# run_tests <preset> [ctest option]...: adds to tests_passed and tests_failed;
# returns ctest's verdict.
tests_passed=0
tests_failed=0
run_tests() {
  local preset=$1 folder="$root/build/$1" verdict=0
  shift
  step "Testing $preset"
  rm -f "$folder/tests.xml"
  ctest --test-dir "$folder" -j "$(nproc)" --output-on-failure --no-tests=error --output-junit tests.xml "$@" >&2 ||
    verdict=$?
  local total failed skipped
  total=$(junit_count tests "$folder/tests.xml")
  failed=$(junit_count failures "$folder/tests.xml")
  skipped=$(($(junit_count skipped "$folder/tests.xml") + $(junit_count disabled "$folder/tests.xml")))
  # A run that broke down without a failed test is a failure all the same.
  [[ $verdict -eq 0 || $failed -gt 0 ]] || failed=1 total=$((total + 1))
  tests_passed=$((tests_passed + total - failed - skipped))
  tests_failed=$((tests_failed + failed))
  [[ $skipped -eq 0 ]] || say "$skipped skipped"
  return "$verdict"
}

# The number in the attribute `$1` of the report's first element; 0 without a report.
junit_count() {
  local number
  number=$(sed -n "/<testsuite/,/>/s/.*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p" "$2" 2>/dev/null | head -n 1 || true)
  printf '%s' "${number:-0}"
}

#!/bin/sh
# cached_compiler.sh <ccache> <compiler> <argument>...: how every source is compiled where
# there is a ccache. Checkouts share what it keeps, but for precompiled headers: these hold
# the path of the checkout that made them, and are of no use once it is gone. Each
# checkout makes its own, and beside it a sum of what went into it, by which ccache knows
# those of two checkouts for the same.
set -eu
ccache=$1
shift

made=""
after=""
for argument in "$@"; do
  case "$after" in -o) made=$argument ;; esac
  after=$argument
done
case "$made" in
  *.pch) ;;
  *) exec "$ccache" "$@" ;;
esac

"$@"
# The files are those that the compiler says it read, for ninja (-MF).
sums=$(sed -e 's/^[^:]*://' -e 's/\\$//' "$made.d" | xargs -r sha256sum)
[ -n "$sums" ]
printf '%s\n' "$sums" | cut -d ' ' -f 1 >"$made.sum"

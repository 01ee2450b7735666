#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A broken library fails in the named groups and in no other; and a failing seed can be replayed.
# usage: fails.sh CONFORM LIBRARY GROUP...
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
conform=${1:?} library=${2:?}
shift 2

"$conform" --lib "$library" >"$out/tap"
status=$?
grep -A1 '^not ok' "$out/tap"
[ $status = 1 ] || fail "exit status $status, expected 1"
expected=$(printf '%s\n' "$@" | sort -u | tr '\n' ' ')
failed=$(failed_groups "$out/tap")
[ "$failed" = "$expected" ] || fail "failed in: $failed- expected: $expected"
why=$(grep -A1 '^not ok .* seed ' "$out/tap" | sed -n 2p)
if [ -n "$why" ]; then
    seed=$(sed -E 's/^# --seed ([0-9]+),.*/\1/' <<<"$why")
    "$conform" --lib "$library" --seed "$seed" >"$out/replay"
    grep -qxF "$why" "$out/replay" || fail "seed $seed does not replay: $(cat "$out/replay")"
fi

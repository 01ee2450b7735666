#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Each kept seed passes; a line is a seed and the reason for keeping it.
# usage: seeds.sh CONFORM LIBRARY SEEDS
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
conform=${1:?} library=${2:?} seeds=${3:?}

count=0
while read -r seed why; do
    "$conform" --lib "$library" --seed "$seed" >"$out/tap" || {
        cat "$out/tap"
        fail "seed $seed ($why) does not pass"
    }
    count=$((count + 1))
done < <(grep -E '^[1-9]' "$seeds")
[ "$count" -gt 0 ] || fail "no seeds in $seeds"
echo "$count seeds"

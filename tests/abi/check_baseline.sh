#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# abidiff finds no difference in types and symbols between the current library and this version's kept ABI.
# usage: check_baseline.sh ROOT LIBRARY; exit 77: left out
set -u
root=${1:?usage: check_baseline.sh ROOT LIBRARY}
library=${2:?usage: check_baseline.sh ROOT LIBRARY}

left_out() {
    echo "baseline: left out: $1"
    exit 77
}
command -v abidiff >/dev/null || left_out "abidiff is not here: scripts/setup installs it"
readelf -SW "$library" | grep -q '\.debug_info' ||
    left_out "$library was built without -g, so abidiff would see no types: use the preset dev"

number() {
    sed -nE "s/^#define HO_ABI_$1 ([0-9]+)u/\1/p" "$root/include/handoff/base.h"
}
version=$(number MAJOR).$(number MINOR)
baseline=$root/tests/abi/$version/libhandoff.abi
[ -e "$baseline" ] || left_out "nothing is kept of $version yet: scripts/keep-abi does it at release"

abidiff --no-show-locs "$baseline" "$library"
status=$?
# Bits: 1 error, 2 wrong usage, 4 the ABI changed, 8 incompatibly.
if [ "$status" != 0 ]; then
    echo "baseline: abidiff says $status: while $version is not released, scripts/keep-abi $version;" \
        "afterwards, undo the change or raise the version" >&2
fi
exit "$status"

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The library passes, nothing is skipped, every group has cases, and the report says the same.
# usage: passes.sh CONFORM LIBRARY
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
conform=${1:?} library=${2:?}

"$conform" --lib "$library" --json "$out/json" >"$out/tap" || {
    grep -A1 '^not ok' "$out/tap"
    fail "the library does not pass"
}
grep -q '# SKIP' "$out/tap" && fail "skipped: $(grep '# SKIP' "$out/tap")"
planned=$(sed -nE 's/^1\.\.([0-9]+)$/\1/p' "$out/tap")
[ "$(grep -c '^ok ' "$out/tap")" = "$planned" ] || fail "$planned cases were planned"
python3 - "$out/json" "$planned" <<'END' || fail "the report says something else"
import json, sys
report = json.load(open(sys.argv[1]))
assert report["passed"] == len(report["cases"]) == int(sys.argv[2])
assert report["failed"] == report["skipped"] == 0
END
for group in symbols layout calls callbacks ownership; do
    "$conform" --lib "$library" --only "$group" >"$out/$group" || fail "$group does not pass alone"
    count=$(grep -c "^ok [0-9]* - $group: " "$out/$group")
    [ "$count" -gt 0 ] || fail "$group has no cases"
    [ "$count" = "$(grep -c "^ok [0-9]* - $group: " "$out/tap")" ] || fail "$group has others alone"
    echo "$group: $count cases"
done

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Input that can't be tested gets one clear line and exit status 2.
# usage: bad_input.sh CONFORM LIBRARY LIBRARY_OF_ANOTHER_MAJOR MALFORMED_FOLDER
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
conform=${1:?} library=${2:?} other_major=${3:?} malformed=${4:?}

# refuses PATTERN ARGUMENT...
refuses() {
    local pattern=$1
    shift
    "$conform" "$@" >"$out/stdout" 2>"$out/stderr"
    local status=$?
    [ $status = 2 ] || fail "exit status $status, expected 2: $* $(cat "$out/stderr")"
    [ ! -s "$out/stdout" ] || fail "something on stdout: $*"
    [ "$(wc -l <"$out/stderr")" = 1 ] || fail "expected one line: $* $(cat "$out/stderr")"
    grep -qE "^handoff-conform: $pattern" "$out/stderr" ||
        fail "expected '$pattern': $(cat "$out/stderr")"
}

for file in "$malformed"/*.md; do
    case $file in
    */nothing_wrong.md) ;;
    *) refuses "$file:[0-9]+: .*expected" --lib "$library" --abi "$file" ;;
    esac
done
refuses '/no/such/file:0: .*expected' --lib "$library" --abi /no/such/file

cp "$library" "$out/foreign.so"
printf '\xb7\0' | dd of="$out/foreign.so" bs=1 seek=18 conv=notrunc 2>/dev/null # EM_AARCH64
refuses "$out/foreign.so: built for another machine" --lib "$out/foreign.so"
head -c 4096 "$library" >"$out/short.so"
refuses '.*short.so' --lib "$out/short.so"
echo 'INPUT(-lc)' >"$out/text.so"
refuses "$out/text.so: not an ELF file" --lib "$out/text.so"
refuses "$out/none.so: " --lib "$out/none.so"
refuses "$out: " --lib "$out"
refuses 'no-such-library.so: ' --lib no-such-library.so
refuses "$conform: not a (shared )?library|.*$(basename "$conform")" --lib "$conform"
refuses '.*has ABI 9\.[0-9]+, the description has 0\.' --lib "$other_major"

refuses "--only is 'nothing'" --lib "$library" --only nothing
refuses "--seed is '-1'" --lib "$library" --seed -1
refuses "--seed is '1x'" --lib "$library" --seed 1x
refuses 'option --speed is unknown' --speed 9
refuses "option --lib is unknown or lacks its value" --lib
refuses '/no/such/folder/x: ' --lib "$library" --only symbols --json /no/such/folder/x

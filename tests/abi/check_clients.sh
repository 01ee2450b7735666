#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Programs compiled against the headers of each kept release run with the current library; if the versions
# are incompatible, the library tells them.
# usage: check_clients.sh ROOT LIBRARY COMPILER
set -u
root=${1:?usage: check_clients.sh ROOT LIBRARY COMPILER}
library=$(realpath "${2:?usage: check_clients.sh ROOT LIBRARY COMPILER}") || exit 1
compiler=${3:?usage: check_clients.sh ROOT LIBRARY COMPILER}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
not_my_version=3
ran=0
failed=0

problem() {
    echo "clients: $*" >&2
    failed=$((failed + 1))
}

# version_of INCLUDE: MAJOR.MINOR as the headers there define it.
version_of() {
    echo "HO_ABI_MAJOR.HO_ABI_MINOR" | "$compiler" -E -P -include handoff/base.h -I"$1" -xc - |
        tail -n 1 | tr -d 'u '
}

# run WHAT INCLUDE SOURCE: runs a client against today's library, and looks at how it ends.
run() {
    local built status expected=0
    built=$(version_of "$2")
    # While the major is 0 the minor must be the same.
    if [ "${built%.*}" != "${today%.*}" ] || { [ "${built%.*}" = 0 ] && [ "$built" != "$today" ]; }; then
        expected=$not_my_version
    fi
    "$compiler" -std=c11 -Wall -Wextra -Werror -I"$2" "$3" -o "$work/client" "$library" || {
        problem "$1: does not build"
        return
    }
    LD_LIBRARY_PATH=${library%/*} "$work/client"
    status=$?
    [ "$status" = "$expected" ] || problem "$1: ends with $status and not $expected"
    ran=$((ran + 1))
}

today=$(version_of "$root/include")
for kept in "$root"/tests/abi/[0-9]*/; do
    run "the client of ${kept#"$root/"}" "$kept/include" "$kept/client.c"
done

# One of a version that does not fit, to see that the library tells.
cp -r "$root/include" "$work/include"
sed -i 's/^\(#define HO_ABI_MAJOR\) .*/\1 99u/' "$work/include/handoff/base.h"
run "a client of another major" "$work/include" "$root/tests/abi/client.c"

echo "clients: $ran ran against $today, $failed failed"
[ "$ran" -gt 1 ] && [ "$failed" = 0 ]

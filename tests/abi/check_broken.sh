#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The other checks of this folder can fail: they must report libraries whose header and description were
# changed on purpose, but not an unchanged one, built in the same way.
# usage: check_broken.sh ROOT GENERATOR COMPILER PYTHON
set -u
here=$(cd "$(dirname "$0")" && pwd)
usage="usage: check_broken.sh ROOT GENERATOR COMPILER PYTHON"
root=$(cd "${1:?$usage}" && pwd) || exit 1
generator=$(realpath "${2:?$usage}") || exit 1
compiler=${3:?$usage}
python=${4:?$usage}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

problem() {
    echo "broken: $*" >&2
    failed=1
}

# build SED-SCRIPT-FOR-HEADERS SED-SCRIPT-FOR-DESCRIPTION: libhandoff.so of changed copies.
build() {
    rm -rf include abi.md made libhandoff.so
    cp -r "$root/include" "$root/abi.md" . && mkdir made
    sed -i "$1" include/handoff/*.h
    sed -i "$2" abi.md
    if "$generator" abi.md made include/handoff/*.h &&
        "$compiler" -std=c11 -g -O0 -fPIC -shared -fvisibility=hidden -pthread \
            -Iinclude -Imade -I"$root/src" "$root"/src/*.c made/abi_embed.c -o libhandoff.so \
            -Wl,-soname,libhandoff.so.0 -Wl,--version-script=made/handoff.map; then
        return
    fi
    problem "the changed library does not build"
    exit 1
}

# says WHAT CHECK EXPECTED-STATUS EXPECTED-TEXT COMMAND...
says() {
    local what=$1 check=$2 expected=$3 text=$4 said status
    shift 4
    said=$("$@" 2>&1)
    status=$?
    if [ "$status" != "$expected" ] || [[ $said != *"$text"* ]]; then
        problem "$what: $check: expected $expected and '$text', got $status: $said"
    fi
}

# all WHAT DESCRIPTION-STATUS TEXT BASELINE-STATUS TEXT: both checks.
all() {
    local library=$work/libhandoff.so
    says "$1" description "$2" "$3" "$python" "$here/check_description.py" "$root" "$library"
    if command -v abidiff >/dev/null; then
        says "$1" baseline "$4" "$5" "$here/check_baseline.sh" "$root" "$library"
    fi
}

# keeps VERSION SED-SCRIPT: a tree in which a changed description is kept.
keeps() {
    rm -rf tree
    mkdir -p "tree/tests/abi/$1"
    ln -s "$root/bindings" tree/bindings
    sed "$2" "$root/abi.md" >"tree/tests/abi/$1/abi.md"
    cmp -s "$root/abi.md" "tree/tests/abi/$1/abi.md" && problem "'$2' changes nothing"
}

# promised WHAT STATUS TEXT: the unchanged library against the tree.
promised() {
    says "$1" description "$2" "$3" "$python" "$here/check_description.py" tree "$work/libhandoff.so"
}

build '' ''
all "unchanged" 0 " 0 broken" 0 ""

# What another release promised.
keeps 0.2 's/ho_flush/ho_gone/'
promised "a function that is gone" 1 "ho_gone@HANDOFF_0.2: is not exported"
keeps 0.2 's/^| len | `uint64_t` | in | - | none | - | bytes; offset/| more | `uint64_t` | in | - | none | - | x |\n&/'
promised "a parameter that is gone" 1 "Functions ho_slice len: was"
keeps 0.2 '/^### ho_service_stats$/,/^###/s/^| [0-9]* | 8 | result/| 96 | 8 | result/'
promised "a struct that has grown" 0 " 0 broken"
keeps 0.2 '/^### ho_service_stats$/,/^###/s/^| [0-9]* | 8 | result/| 4000 | 8 | result/'
promised "a struct that has shrunk" 1 "Structs ho_service_stats: was"
other='s/^| HO_ABI_MINOR | `uint32_t` | [0-9]* |/| HO_ABI_MINOR | `uint32_t` | 999 |/'
keeps 0.999 "$other; s/ho_flush/ho_gone/"
promised "a release that does not fit" 0 " 0 broken"
keeps 0.999 "$other; /^### ho_buf/,/^###/s/^| key | .uint64_t. | 56 |/| key | uint64_t | 48 |/"
promised "the frozen prefix of a release that does not fit" 1 "Structs ho_buf key: was"

# Swapped fields: everybody sees them.
build '/typedef struct ho_service_opts/,/^}/{s/uint32_t policy;/uint32_t swap;/
    s/uint32_t partitions;/uint32_t policy;/;s/uint32_t swap;/uint32_t partitions;/}' \
    '/^### ho_service_opts/,/^### /{s/^| policy |\(.*\)| 20 |/| swap |\1| 20 |/
    s/^| partitions |\(.*\)| 24 |/| policy |\1| 24 |/;s/^| swap |/| partitions |/}'
all "swapped fields" 1 "Structs ho_service_opts policy: was" 4 "ho_service_opts"

# A flag of another value: abidiff is blind to it.
build '/^#define HO_MORE/,/0x/s/0x00010000u/0x00020000u/' \
    's/^| HO_MORE | `uint32_t` | 0x00010000 |/| HO_MORE | `uint32_t` | 0x00020000 |/'
all "another flag" 1 "Constants HO_MORE: was" 0 ""

[ "$failed" = 0 ] && echo "broken: 3 libraries and 6 descriptions, each seen for what it is"
exit $failed

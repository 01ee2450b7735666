#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The assertions generated from abi.md hold in every dialect, and each difference between the document
# and the headers is reported at its line.
# usage: check_abi.sh ROOT GENERATOR
set -u
root=$(cd "${1:?usage: check_abi.sh ROOT GENERATOR}" && pwd) || exit 1
generator=$(realpath "${2:?usage: check_abi.sh ROOT GENERATOR}") || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
warnings=(-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror)
cases=0
failed=0

problem() {
    echo "abi: $*" >&2
    failed=$((failed + 1))
}

fresh() {
    rm -rf include made abi.md
    cp -r "$root/include" . && cp "$root/abi.md" . && mkdir made
}

generate() {
    "$generator" abi.md made include/handoff/*.h
}

# compile COMPILER LANGUAGE STANDARD FLAG...
compile() {
    local compiler=$1 language=$2 standard=$3
    shift 3
    echo '#include "abi_asserts.h"' | "$compiler" -std="$standard" -x "$language" \
        "${warnings[@]}" "$@" -Iinclude -Imade -fsyntax-only -
}

holds() {
    cases=$((cases + 1))
    compile "$@" || problem "the assertions fail with $*"
}

# refuses WHAT LINE-OF-WHAT EXPECTED: after a change to the copies, the generator or both compilers
# must say EXPECTED and the file and line in which the fixed string LINE-OF-WHAT stands.
refuses() {
    local what=$1 place=$2 text=$3 file said
    cases=$((cases + 1))
    file=${place%%:*}
    place="$file:$(grep -nF -m1 -- "${place#*:}" "$file" | cut -d: -f1)"
    if ! said=$(generate 2>&1); then
        [[ $said == *"$place: "*"$text"* ]] || problem "$what: expected $place and '$text': $said"
        return
    fi
    for run in "$c c c11" "$cxx c++ c++17 -Wold-style-cast"; do
        # shellcheck disable=SC2086
        if said=$(compile $run 2>&1); then
            problem "$what: $run finds nothing"
        elif [[ $said != *"$place:"* || $said != *"$text"* ]]; then
            problem "$what: $run does not say $place and '$text': $said"
        fi
    done
}

# change FILE SED-SCRIPT: on fresh copies; a script that changes nothing is a fault of this test.
change() {
    fresh
    sed -i "$2" "$1"
    cmp -s "$1" "$root/$1" && problem "'$2' changes nothing in $1"
}

disagreements() {
    local headers=include/handoff
    change abi.md '/^### ho_buf/,/^### /s/^| len | `uint64_t` | 8 /| len | `uint64_t` | 16 /'
    refuses "a wrong offset" 'abi.md:| len | `uint64_t` | 16' "ho_buf.len: expected 8"
    change abi.md 's/^| handle | \(`uint64_t` | 16\)/| HANDLE | \1/
        s/^| value | \(`uint64_t` | 24\)/| handle | \1/; s/^| HANDLE /| value /'
    refuses "swapped fields in the document" 'abi.md:| handle | `uint64_t` | 24' \
        "ho_buf.handle: offset is not 24"
    change $headers/buf.h 's/uint16_t service; /int16_t service; /'
    refuses "a type in the header" 'abi.md:| service | `uint16_t` | 44' \
        "ho_buf.service: type is not uint16_t"
    change $headers/owner.h 's/^} ho_release_rec;/uint64_t more;\n&/'
    refuses "a field more in the header" 'abi.md:| 32 | 8 | value |' "ho_release_rec: size is not 32"
    change $headers/buf.h 's/uint8_t kind; /uint8_t sort; /'
    refuses "a field of another name" 'abi.md:| kind | `uint8_t` | 55' kind
    change $headers/producer.h 's/0x00010000u/0x00020000u/'
    refuses "a flag of another value" 'abi.md:| HO_MORE |' "HO_MORE: value or type is not 65536"
    change $headers/producer.h 's/^#define HO_MORE .*/&\n#define HO_LESS 3u/'
    refuses "a constant more in the header" "$headers/producer.h:HO_LESS" \
        "HO_LESS: expected it in the section Constants"
    change $headers/status.h 's/X(HO_E_RANGE, -9/X(HO_E_RANGE, -99/'
    refuses "a status of another value" 'abi.md:| HO_E_RANGE | -9 |' "HO_E_RANGE: value is not -9"
    change $headers/status.h 's/X(HO_FULL, 2/X(HO_OTHER, 77, "") &/'
    refuses "a status more in the header" 'abi.md:| HO_OK | 0 |' HO_OTHER
    change $headers/consumer.h 's/ho_buf \*bufs, uint32_t max,/ho_buf *bufs, uint64_t max,/'
    refuses "a parameter in the header" 'abi.md:### ho_take' "ho_take: parameters are not"
    change $headers/owner.h 's/const ho_release_rec \*recs,/ho_release_rec *recs,/'
    refuses "a callback in the header" 'abi.md:### ho_release_fn' "ho_release_fn: parameters are not"
    change $headers/consumer.h 's/^HO_API int32_t ho_take/HO_API int32_t ho_grab(void);\n&/'
    refuses "a function more in the header" "$headers/consumer.h:ho_grab" \
        "ho_grab: expected it in the section Functions"
    change $headers/buf.h 's/^} ho_buf;/&\ntypedef struct ho_more {\n    int x;\n} ho_more;/'
    refuses "a struct more in the header" "$headers/buf.h:struct ho_more" \
        "ho_more: expected it in the section Structs"
}

compilers=0
for pair in gcc:g++ clang:clang++; do
    c=${pair%:*} cxx=${pair#*:}
    if [ -z "$(command -v "$c")" ] || [ -z "$(command -v "$cxx")" ]; then
        continue
    fi
    compilers=$((compilers + 1))
    fresh
    generate || problem "abi.md and the headers: the generator refuses them"
    for standard in c11 c17; do
        holds "$c" c $standard
    done
    for standard in c++11 c++14 c++17 c++20; do
        holds "$cxx" c++ $standard -Wold-style-cast
    done
    disagreements
done

echo "abi: $cases cases with $compilers compilers, $failed failed"
[ "$cases" -gt 0 ] && [ "$failed" = 0 ]

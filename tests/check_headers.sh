#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every public header compiles alone, in the oldest dialect of its language, and those that include all others in every
# dialect, under the warnings that real servers use.
# usage: check_headers.sh ROOT
set -u
cd "${1:?usage: check_headers.sh ROOT}" || exit 1

warnings=(-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror)
bare=(-fno-exceptions -fno-rtti)
shim=(handoff/handoff.hpp handoff/bridge.hpp handoff/net.hpp handoff/memory_resource.hpp)
compiled=0
failed=0

# compile LANGUAGE HEADER COMPILER FLAG...
compile() {
    local language=$1 header=$2
    shift 2
    compiled=$((compiled + 1))
    if ! echo "#include \"$header\"" | "$@" -x "$language" "${warnings[@]}" -Iinclude -Icpp_shim \
        -fsyntax-only -; then
        echo "headers: $header alone: failed with $*" >&2
        failed=$((failed + 1))
    fi
}

compilers=0
for pair in gcc:g++ clang:clang++; do
    cc=${pair%:*} cxx=${pair#*:}
    if [ -z "$(command -v "$cc")" ] || [ -z "$(command -v "$cxx")" ]; then
        continue
    fi
    compilers=$((compilers + 1))
    for path in include/handoff/*.h cpp_shim/handoff/*.h; do
        compile c "handoff/${path##*/}" "$cc" -std=c11
        compile c++ "handoff/${path##*/}" "$cxx" -std=c++11 -Wold-style-cast "${bare[@]}"
    done
    for path in cpp_shim/handoff/*.hpp; do
        compile c++ "handoff/${path##*/}" "$cxx" -std=c++17 -Wold-style-cast
    done
    for std in c11 c17; do
        compile c handoff/handoff.h "$cc" -std=$std
    done
    for std in c++11 c++14 c++17 c++20; do
        compile c++ handoff/handoff.h "$cxx" -std=$std -Wold-style-cast
        compile c++ handoff/handoff.h "$cxx" -std=$std -Wold-style-cast "${bare[@]}"
    done
    for header in "${shim[@]}"; do
        for std in c++17 c++20; do
            compile c++ "$header" "$cxx" -std=$std -Wold-style-cast
            compile c++ "$header" "$cxx" -std=$std -Wold-style-cast "${bare[@]}"
        done
    done
done

echo "headers: $compiled compilations with $compilers compilers, $failed failed"
[ "$compiled" -gt 0 ] && [ "$failed" = 0 ]

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every C and C++ file is laid out as .clang-format says. Version 14 decides: others differ.
# usage: check_format.sh ROOT; exit 77: left out
set -u
cd "${1:?usage: check_format.sh ROOT}" || exit 1

for tool in clang-format-14 clang-format; do
    if "$tool" --version 2>/dev/null | grep -q 'version 14\.'; then
        mapfile -d '' files < <(find include src cpp_shim tools models tests fuzz examples bench bindings -type f \
            -not -path 'tests/abi/[0-9]*' -not -path '*/target/*' \( -name '*.[ch]' -o -name '*.[ch]pp' -o -name '*.inl' \) -print0 2>/dev/null)
        [ ${#files[@]} -gt 0 ] || exit 1
        "$tool" --dry-run -Werror "${files[@]}" 2>&1 | sed -nE 's/^([^:]+):[0-9]+:[0-9]+: error:.*/\1/p' |
            uniq -c | while read -r count file; do
            echo "format: $file: $count places: run '$tool -i $file'" >&2
        done
        [ "${PIPESTATUS[0]}" = 0 ]
        exit
    fi
done
echo "format: left out: clang-format 14 is not here: apt-get install clang-format-14"
exit 77

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The checked-in files of the bindings equal those that the build makes from abi.md.
# usage: check_bindings_current.sh ROOT MADE
set -u
root=${1:?usage: check_bindings_current.sh ROOT MADE}
made=${2:?usage: check_bindings_current.sh ROOT MADE}
failed=0

current() {
    cmp -s "$made/$1" "$root/$2" && return
    diff "$made/$1" "$root/$2" | head -n 20
    echo "bindings: $2 is not what abi.md says:" \
        "cmake --build ${made%/abi} --target bindings_update" >&2
    failed=1
}

current abi_rust.rs bindings/rust/src/abi.rs
current abi_ctypes.py bindings/python/handoff_abi.py
exit $failed

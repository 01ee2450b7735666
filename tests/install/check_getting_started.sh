#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Follows docs/getting-started.md as a reader would: its files and commands, with an installed copy.
# usage: check_getting_started.sh BUILD_DIR SOURCE_DIR
set -eu
build=$(cd "${1:?usage: check_getting_started.sh BUILD_DIR SOURCE_DIR}" && pwd)
guide=$(cd "${2:?usage: check_getting_started.sh BUILD_DIR SOURCE_DIR}" && pwd)/docs/getting-started.md

export CMAKE_GENERATOR=Ninja
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export HOME=$scratch/home
mkdir -p "$HOME" "$scratch/server"
cd "$scratch/server"

fail() {
    echo "getting-started: $*" >&2
    exit 1
}

# block MARK: the lines of the block under the line <!-- MARK -->.
block() {
    awk -v mark="<!-- $1 -->" '$0 == mark { found = 1; next } found && /^```/ { if (inside) exit; inside = 1; next }
        inside' "$guide" | grep . || fail "the guide has no block '$1'"
}

cmake --install "$build" --prefix "$HOME/handoff" >"$scratch/log"
for file in service.c server.cpp CMakeLists.txt client.py; do
    block "file $file" >"$file"
done
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

# follows WORD...: these pieces of the guide, one after the other, in one shell, with a port that is free.
follows() {
    {
        echo 'set -eum'
        for piece in "$@"; do
            block "run $piece" | sed "s/\b7000\b/$port/"
            if [ "$piece" = server ]; then
                # A reader takes a moment; this one looks whether it listens yet.
                echo "until (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null; do kill -0 %1; done"
            fi
        done
    } >"$scratch/commands"
    bash "$scratch/commands" >"$scratch/log" 2>&1 || {
        cat "$scratch/log" >&2
        fail "not as the guide says: $*"
    }
}

follows cmake server client
grep -qx hello "$scratch/log" || fail "the client did not print hello: $(cat "$scratch/log")"
follows pkg-config
mkdir -p build && rm -rf build/* && mv server build/server
follows server client
grep -qx hello "$scratch/log" || fail "the client of the second did not print hello: $(cat "$scratch/log")"
[ "$(grep -c '^```sh' "$guide")" = 6 ] || fail "the guide has other blocks of commands than this test runs"
echo "getting-started: both builds answered"

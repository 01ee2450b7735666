#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Unusual builds: the library alone without a C++ compiler, missing dependencies reported before anything
# is compiled, a project that embeds handoff, and the hardening of a release.
# usage: check_builds.sh SOURCE_DIR
set -eu
source=$(cd "${1:?usage: check_builds.sh SOURCE_DIR}" && pwd)

export CMAKE_GENERATOR=Ninja
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
log=$scratch/log
no_cxx=$scratch/no-such-compiler

fail() {
    echo "builds: $*" >&2
    exit 1
}

run() {
    "$@" >"$log" 2>&1 || {
        cat "$log" >&2
        fail "failed: $*"
    }
}

# refuses TEXT OPTION...: configuring ends with this text, before anything is compiled.
refuses() {
    local text=$1
    shift
    rm -rf "$scratch/refused"
    cmake -S "$source" -B "$scratch/refused" "$@" >"$log" 2>&1 && fail "was not refused: $*"
    tr -s '\n ' ' ' <"$log" | grep -qF "$text" || {
        cat "$log" >&2
        fail "expected '$text': $*"
    }
}

# Old enough for what the text promises; newer commands would not be known there.
wanted=3.22
grep -q "^cmake_minimum_required(VERSION $wanted)" "$source/CMakeLists.txt" ||
    fail "CMakeLists.txt wants another CMake than $wanted"
python3 - "$source/CMakePresets.json" <<'END' || fail "CMakePresets.json wants a CMake newer than $wanted"
import json, sys
presets = json.load(open(sys.argv[1]))
least = presets["cmakeMinimumRequired"]
assert presets["version"] <= 3 and (least["major"], least["minor"]) <= (3, 22)
END

# The library alone, as a release, where there is no C++ compiler.
CXX=$no_cxx run cmake -S "$source" -B "$scratch/alone" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_INSTALL_PREFIX="$scratch/installed"
grep -q -e -Werror "$scratch/alone/compile_commands.json" && fail "-Werror without our presets"
run cmake --build "$scratch/alone"
steps=$(sed -nE 's/^\[[0-9]+\/([0-9]+)\].*/\1/p' "$log" | sort -n | tail -n 1)
[ "$steps" -lt 20 ] || fail "the library alone takes $steps steps: under 20 were promised"
run cmake --install "$scratch/alone"
[ ! -e "$scratch/installed/include/handoff/net.hpp" ] || fail "net.hpp was installed without net"

# A user of it: the component that was not built is named, the rest serves a C project.
mkdir "$scratch/user"
user() {
    cat >"$scratch/user/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.22)
project(user LANGUAGES C)
find_package(handoff 0.2 REQUIRED $1)
add_executable(user $source/tests/install/consumer.c)
target_link_libraries(user PRIVATE handoff::handoff)
END
    rm -rf "$scratch/user/build"
    CXX=$no_cxx cmake -S "$scratch/user" -B "$scratch/user/build" \
        -DCMAKE_PREFIX_PATH="$scratch/installed" >"$log" 2>&1
}
user "COMPONENTS net" && fail "the component net was found, which was not built"
tr -s '\n ' ' ' <"$log" | grep -qF 'no component net: build it with -DHANDOFF_BUILD_NET=ON' || {
    cat "$log" >&2
    fail "the missing component was not named"
}
user "" || {
    cat "$log" >&2
    fail "a C project does not find the library"
}
run cmake --build "$scratch/user/build"
run "$scratch/user/build/user"

# The tools in C: hardened, and nothing of them is looked for in the current folder.
CXX=$no_cxx run cmake -S "$source" -B "$scratch/t" -DCMAKE_BUILD_TYPE=Release \
    -DHANDOFF_BUILD_TOOLS=ON -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_LIBDIR=lib/of/a/machine
grep -q 'handoff-gateway is left out' "$log" || fail "nothing says that the gateway is left out"
run cmake --build "$scratch/t"
run "$scratch/t/tools/conform/handoff-conform" "$scratch/alone/src/libhandoff.so" --only calls
for file in "$scratch/t/src/libhandoff.so" "$scratch/t/tools/conform/handoff-conform" \
    "$scratch/t/tools/load/handoff-load"; do
    readelf -dW "$file" >"$scratch/dynamic"
    paths=$(sed -nE 's/.*\((RPATH|RUNPATH)\).*\[(.*)\]/\2/p' "$scratch/dynamic")
    case ":${paths:-/}:" in *::*) fail "$file looks in the current folder: '$paths'" ;; esac
    readelf -lW "$file" | grep -q GNU_RELRO || fail "$file has no RELRO"
    grep -qE '\(FLAGS(_1)?\).*NOW' "$scratch/dynamic" || fail "$file is not bound at once"
    readelf -W --dyn-syms "$file" >"$scratch/symbols"
    grep -q __stack_chk_fail "$scratch/symbols" || fail "$file has no stack protector"
done
grep -qE '__[a-z]+_chk@' "$scratch/symbols" || fail "handoff-load is not fortified"

# The same flags for what is C++; it is not compiled here.
run cmake -S "$source" -B "$scratch/cpp" -DCMAKE_BUILD_TYPE=Release -DHANDOFF_BUILD_TOOLS=ON \
    -DHANDOFF_BUILD_NET=ON
python3 - "$scratch/cpp/compile_commands.json" <<'END' || fail "not every file is compiled hardened"
import json, sys
for entry in json.load(open(sys.argv[1])):
    if "handoff-abi-gen" in entry["command"]: # which runs during the build alone
        continue
    for flag in ("-fstack-protector-strong", "-D_FORTIFY_SOURCE=2"):
        assert flag in entry["command"], entry
END

# What is missing is told in one line.
refuses 'HANDOFF_BUILD_TESTS needs HANDOFF_BUILD_NET' -DHANDOFF_BUILD_TESTS=ON -DHANDOFF_BUILD_TOOLS=ON
refuses 'HANDOFF_BUILD_BENCH needs HANDOFF_BUILD_TOOLS' -DHANDOFF_BUILD_BENCH=ON
refuses 'asio.hpp is not here: install it (Debian: libasio-dev)' \
    -DHANDOFF_BUILD_NET=ON -DCMAKE_IGNORE_PATH=/usr/include
CXX=$no_cxx refuses 'need a C++17 compiler' -DHANDOFF_BUILD_NET=ON

# A project that embeds it: its install gets nothing of ours, and its compiler no flag of ours.
mkdir "$scratch/embeds"
cat >"$scratch/embeds/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.22)
project(embeds LANGUAGES C)
add_subdirectory($source handoff)
add_executable(server $source/tests/install/consumer.c)
target_link_libraries(server PRIVATE handoff::static)
install(TARGETS server)
END
CXX=$no_cxx run cmake -S "$scratch/embeds" -B "$scratch/embeds/build" \
    -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
grep -q -e -Werror "$scratch/embeds/build/compile_commands.json" && fail "-Werror for who embeds it"
run cmake --build "$scratch/embeds/build"
run cmake --install "$scratch/embeds/build" --prefix "$scratch/embedded"
files=$(cd "$scratch/embedded" && find . -type f)
[ "$files" = ./bin/server ] || fail "who embeds it installs '$files'"
run "$scratch/embedded/bin/server"
echo "builds: $steps steps for the library alone"

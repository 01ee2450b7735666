#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs to a scratch folder, moves it, and builds and runs programs that use it: C and C++, shared and
# static, through find_package and through pkg-config. Then the tools, and that uninstalling leaves nothing.
# usage: check_install.sh BUILD_DIR SOURCE_DIR
set -eu
build=${1:?usage: check_install.sh BUILD_DIR SOURCE_DIR}
source=${2:?usage: check_install.sh BUILD_DIR SOURCE_DIR}/tests/install

export CMAKE_GENERATOR=Ninja # what setup installs; CMake's own default wants make

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
log=$scratch/log
# shellcheck source-path=SCRIPTDIR source=users.sh
. "$source/users.sh"

run cmake --install "$build" --prefix "$scratch/first"
mv "$scratch/first" "$scratch/installed"
config=$(find "$scratch/installed" -name handoff.pc)
[ -n "$config" ] || fail "handoff.pc was not installed"
libs=$(dirname "$(dirname "$config")")

use_installed "$source" "$scratch/installed" "$libs"

# What comes next may change the ABI: a user who asks for it must not get this one.
for version in 0.1 0.3 1.0; do
    mkdir "$scratch/other"
    {
        echo "cmake_minimum_required(VERSION 3.22)"
        echo "project(other LANGUAGES C)"
        echo "find_package(handoff $version QUIET)"
        echo "if(handoff_FOUND)"
        echo "    message(FATAL_ERROR found)"
        echo "endif()"
    } >"$scratch/other/CMakeLists.txt"
    run cmake -S "$scratch/other" -B "$scratch/other" -DCMAKE_PREFIX_PATH="$scratch/installed"
    rm -r "$scratch/other"
done

# A component that there is not is named, with those that there are.
mkdir "$scratch/other"
{
    echo "cmake_minimum_required(VERSION 3.22)"
    echo "project(other LANGUAGES C)"
    echo "find_package(handoff 0.2 REQUIRED COMPONENTS c rust)"
} >"$scratch/other/CMakeLists.txt"
cmake -S "$scratch/other" -B "$scratch/other" -DCMAKE_PREFIX_PATH="$scratch/installed" >"$log" 2>&1 &&
    fail "a component rust was found"
tr -s '\n ' ' ' <"$log" | grep -qF 'no component rust: ask for some of c, cpp and net' || {
    cat "$log" >&2
    fail "the missing component was not named"
}

# The version that a user asks for and the one in the headers are the same.
version=$(awk '/^#define HO_ABI_(MAJOR|MINOR|PATCH) / { v = v "." $3 + 0 } END { print substr(v, 2) }' \
    "$scratch/installed/include/handoff/base.h")
for package in handoff handoff-net; do
    [ "$(pkg-config --modversion $package)" = "$version" ] ||
        fail "$package is not version $version, which base.h names"
done

# Nor do those of the build tree look for libraries in the current folder: an empty entry means it.
for tool in gateway load conform; do
    paths=$(readelf -dW "$build/tools/$tool/handoff-$tool" | sed -nE 's/.*RUNPATH.*\[(.*)\]/\1/p')
    case ":${paths:-/}:" in *::*) fail "handoff-$tool has an empty run path: '$paths'" ;; esac
done

# The tools run where they were moved to, without help from the environment.
for tool in gateway load conform; do
    run "$scratch/installed/bin/handoff-$tool" --version
    grep -qx "handoff-$tool $version" "$log" || fail "handoff-$tool says '$(cat "$log")'"
done
run "$scratch/installed/bin/handoff-conform" --only symbols
for file in LICENSE README.md CHANGELOG.md abi.md docs/integrating.md; do
    [ -f "$scratch/installed/share/doc/handoff/$file" ] || fail "$file was not installed"
done
for page in man3/handoff.3 man3/ho_take.3 man1/handoff-load.1; do
    [ -f "$scratch/installed/share/man/$page" ] || fail "the man page $page was not installed"
done

# As docs/integrating.md says it.
run cmake --install "$build" --prefix "$scratch/again"
uninstall=$(sed -n '/^cmake --install/,/^```/{/^xargs/p}' "$source/../../docs/integrating.md")
[ -n "$uninstall" ] || fail "docs/integrating.md does not say how to uninstall"
mkdir -p "$scratch/build/release"
cp "$build/install_manifest.txt" "$scratch/build/release"
(cd "$scratch" && eval "$uninstall")
left=$(find "$scratch/again" -type f -o -type l)
[ -z "$left" ] || fail "after uninstalling there is still: $left"
echo "install: ${#programs[@]} programs built from the installed package and run"

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs to a scratch folder, moves it, and builds and runs users of it: C and C++, shared and
# static, through find_package and through pkg-config.
# usage: check_install.sh BUILD_DIR SOURCE_DIR
set -eu
build=${1:?usage: check_install.sh BUILD_DIR SOURCE_DIR}
source=${2:?usage: check_install.sh BUILD_DIR SOURCE_DIR}/tests/install

export CMAKE_GENERATOR=Ninja # what setup installs; CMake's own default wants make

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
log=$scratch/log
checked=0

run() {
    "$@" >"$log" 2>&1 || {
        cat "$log" >&2
        echo "install: failed: $*" >&2
        exit 1
    }
}

# works PROGRAM shared|static: it runs, and is linked as it should be.
works() {
    local links
    checked=$((checked + 1))
    LD_LIBRARY_PATH=$libs run "$1"
    links=$(readelf -d "$1" | grep -c 'NEEDED.*libhandoff\.so' || true)
    case $2:$links in
    shared:1 | static:0) ;;
    *)
        echo "install: $1 was to be linked $2, it names libhandoff.so $links times" >&2
        exit 1
        ;;
    esac
}

run cmake --install "$build" --prefix "$scratch/first"
mv "$scratch/first" "$scratch/installed"
config=$(find "$scratch/installed" -name handoff.pc)
[ -n "$config" ] || { echo "install: handoff.pc was not installed" >&2; exit 1; }
libs=$(dirname "$(dirname "$config")")

run cmake -S "$source" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$scratch/installed"
run cmake --build "$scratch/build"
works "$scratch/build/c_shared" shared
works "$scratch/build/c_static" static
works "$scratch/build/cpp_shared" shared
works "$scratch/build/cpp_static" static
works "$scratch/build/net_shared" shared

# What comes next may change the ABI: a user who asks for it must not get this one.
for version in 0.1 0.3 1.0; do
    mkdir "$scratch/other"
    {
        echo "cmake_minimum_required(VERSION 3.25)"
        echo "project(other LANGUAGES C)"
        echo "find_package(handoff $version QUIET)"
        echo "if(handoff_FOUND)"
        echo "    message(FATAL_ERROR found)"
        echo "endif()"
    } >"$scratch/other/CMakeLists.txt"
    run cmake -S "$scratch/other" -B "$scratch/other" -DCMAKE_PREFIX_PATH="$scratch/installed"
    rm -r "$scratch/other"
done

export PKG_CONFIG_PATH=$libs/pkgconfig
# shellcheck disable=SC2046 # lists of flags
{
    run cc "$source/consumer.c" -o "$scratch/pc_c" $(pkg-config --cflags --libs handoff)
    run c++ -std=c++17 "$source/consumer.cpp" -o "$scratch/pc_cpp" \
        $(pkg-config --cflags --libs handoff)
    run cc -static "$source/consumer.c" -o "$scratch/pc_c_static" \
        $(pkg-config --static --cflags --libs handoff)
    run c++ -std=c++17 -static "$source/consumer.cpp" -o "$scratch/pc_cpp_static" \
        $(pkg-config --static --cflags --libs handoff)
}
works "$scratch/pc_c" shared
works "$scratch/pc_cpp" shared
works "$scratch/pc_c_static" static
works "$scratch/pc_cpp_static" static

# The version that a user asks for and the one in the headers are the same.
version=$(awk '/^#define HO_ABI_(MAJOR|MINOR|PATCH) / { v = v "." $3 + 0 } END { print substr(v, 2) }' \
    "$scratch/installed/include/handoff/base.h")
[ "$(pkg-config --modversion handoff)" = "$version" ] || {
    echo "install: the package is not version $version, which base.h names" >&2
    exit 1
}
echo "install: $checked programs built from the installed package and run"

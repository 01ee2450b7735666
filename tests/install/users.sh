# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Builds and runs programs that use an installed handoff. Sourced by the tests of installed files, which set:
scratch=${scratch:?a folder for what is built} log=${log:?a file for what a command says}

programs=()

fail() {
    echo "install: $*" >&2
    exit 1
}

run() {
    "$@" >"$log" 2>&1 || {
        cat "$log" >&2
        fail "failed: $*"
    }
}

# works PROGRAM shared|static LIBS: it runs, and is linked as it should be.
works() {
    local links
    LD_LIBRARY_PATH=$3 run "$1"
    links=$(readelf -d "$1" | grep -c 'NEEDED.*\[libhandoff\.so\.[0-9]*\]' || true)
    case $2:$links in
    shared:1 | static:0) ;;
    *) fail "$1 was to be linked $2, it names libhandoff.so $links times" ;;
    esac
    programs+=("$1")
}

# use_installed SOURCE PREFIX LIBS: C, C++ and net, shared and static, through find_package and through
# pkg-config. SOURCE is the folder of this file, LIBS where libhandoff.so is.
use_installed() {
    local source=$1 prefix=$2 libs=$3 program kind
    run cmake -S "$source" -B "$scratch/users" -DCMAKE_PREFIX_PATH="$prefix"
    run cmake --build "$scratch/users"
    export PKG_CONFIG_PATH=$libs/pkgconfig
    # shellcheck disable=SC2046 # lists of flags
    {
        run cc "$source/consumer.c" -o "$scratch/users/pc_c_shared" \
            $(pkg-config --cflags --libs handoff)
        run c++ -std=c++17 "$source/consumer.cpp" -o "$scratch/users/pc_cpp_shared" \
            $(pkg-config --cflags --libs handoff)
        run c++ -std=c++17 "$source/net.cpp" -o "$scratch/users/pc_net_shared" \
            $(pkg-config --cflags --libs handoff-net)
        run cc -static "$source/consumer.c" -o "$scratch/users/pc_c_static" \
            $(pkg-config --static --cflags --libs handoff)
        run c++ -std=c++17 -static "$source/consumer.cpp" -o "$scratch/users/pc_cpp_static" \
            $(pkg-config --static --cflags --libs handoff)
        run c++ -std=c++17 -static "$source/net.cpp" -o "$scratch/users/pc_net_static" \
            $(pkg-config --static --cflags --libs handoff-net)
    }
    for program in c cpp net pc_c pc_cpp pc_net; do
        for kind in shared static; do
            works "$scratch/users/${program}_$kind" $kind "$libs"
        done
    done
}

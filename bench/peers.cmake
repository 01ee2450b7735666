# SPDX-License-Identifier: MIT
# The peers, out of Debian's packages.

# bench_peer(name PACKAGE package HEADER file NEEDS header [LIBRARY name] [DEFINES ...])
function(bench_peer name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "PACKAGE;HEADER;NEEDS;LIBRARY" "DEFINES")
    find_path(BENCH_${name}_HEADER ${arg_NEEDS})
    set(found ${BENCH_${name}_HEADER})
    if(arg_LIBRARY)
        find_library(BENCH_${name}_LIBRARY ${arg_LIBRARY})
        if(NOT BENCH_${name}_LIBRARY)
            set(found "")
        endif()
    endif()
    if(NOT found)
        message(STATUS "bench: ${name} is left out: install ${arg_PACKAGE}")
        return()
    endif()
    bench_contestant(${name} HEADER ${arg_HEADER} LIBS ${BENCH_${name}_LIBRARY}
        DEFINES ${arg_DEFINES})
    target_include_directories(bench-${name} SYSTEM PRIVATE ${BENCH_${name}_HEADER})
    set(bench_contestants ${bench_contestants} PARENT_SCOPE)
endfunction()

bench_peer(malloc_rwq HEADER malloc_rwq.hpp
    PACKAGE libreaderwriterqueue-dev NEEDS readerwriterqueue/readerwriterqueue.h)
bench_peer(atomic_queue HEADER atomic_queue_pool.hpp
    PACKAGE libatomic-queue-dev NEEDS atomic_queue/atomic_queue.h)
bench_peer(ck HEADER ck_ring_pool.hpp
    PACKAGE libck-dev NEEDS ck_ring.h LIBRARY ck)
bench_contestant(strings HEADER strings.hpp)
bench_peer(zmq HEADER zmq.hpp PACKAGE libzmq3-dev NEEDS zmq.h LIBRARY zmq)
bench_peer(nng HEADER nng.hpp PACKAGE libnng-dev NEEDS nng/nng.h LIBRARY nng)

find_package(iceoryx_posh QUIET CONFIG)
find_path(BENCH_acl_HEADER sys/acl.h)
if(iceoryx_posh_FOUND AND BENCH_acl_HEADER)
    bench_contestant(iceoryx HEADER iceoryx.hpp LIBS iceoryx_posh::iceoryx_posh_roudi)
else()
    message(STATUS "bench: iceoryx is left out: install libiceoryx-posh-dev libacl1-dev")
endif()

find_package(PkgConfig REQUIRED)
pkg_check_modules(dpdk IMPORTED_TARGET libdpdk)
if(dpdk_FOUND)
    foreach(name IN ITEMS dpdk_single dpdk_burst)
        bench_contestant(${name} HEADER ${name}.hpp LIBS PkgConfig::dpdk)
    endforeach()
else()
    message(STATUS "bench: dpdk is left out: install libdpdk-dev")
endif()

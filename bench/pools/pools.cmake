# SPDX-License-Identifier: MIT
# Objects out of pools beside objects out of allocators: a program for each way of having them.
foreach(way IN ITEMS typed alloc malloc)
    set(header way_sized.h)
    if(way STREQUAL "typed")
        set(header way_typed.h)
    endif()
    add_executable(bench-pools-${way}
        pools/main.c pools/orders.c pools/raid.c pools/memory.c pools/state.c pools/way_${way}.c)
    target_compile_definitions(bench-pools-${way} PRIVATE
        WAY="pools/${header}" WAY_MALLOC=$<STREQUAL:${way},malloc>)
    target_include_directories(bench-pools-${way} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(bench-pools-${way} PRIVATE
        handoff_tools_common Threads::Threads ${CMAKE_DL_LIBS})
    handoff_warnings(bench-pools-${way})
    if(NOT way STREQUAL "malloc")
        target_link_libraries(bench-pools-${way} PRIVATE handoff)
    endif()
endforeach()

# On x86-64 alone pools have sequences to count.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    add_executable(bench-pool-calls pools/calls.c)
    target_include_directories(bench-pool-calls PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(bench-pool-calls PRIVATE handoff handoff_tools_common)
    handoff_warnings(bench-pool-calls)
endif()

if(HANDOFF_BUILD_TESTS)
    find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
    add_test(NAME bench_pools
        COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/pools/test_pools.py
            ${PROJECT_BINARY_DIR})
    set_tests_properties(bench_pools PROPERTIES LABELS bench TIMEOUT 600)
endif()

# SPDX-License-Identifier: MIT
# What an integrator may choose (README.md): a program for each size of batch.
foreach(batch IN ITEMS 1 4 16 64)
    add_executable(bench-tune-${batch} tuning/tune.cpp tuning/choice.cpp)
    target_compile_definitions(bench-tune-${batch} PRIVATE HANDOFF_BURST=${batch})
    target_link_libraries(bench-tune-${batch} PRIVATE handoff_bench handoff)
    handoff_warnings(bench-tune-${batch})
endforeach()

if(HANDOFF_BUILD_TESTS)
    find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
    add_test(NAME bench_tuning
        COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/tuning/test_tuning.py
            ${PROJECT_BINARY_DIR})
    set_tests_properties(bench_tuning PROPERTIES LABELS bench TIMEOUT 600)
endif()

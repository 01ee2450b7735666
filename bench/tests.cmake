# SPDX-License-Identifier: MIT
# Every contestant plays every scenario for a moment. Counts and sums are asserted, never times.
find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)

foreach(contestant IN LISTS bench_contestants)
    add_test(NAME bench_${contestant}_plays_every_scenario
        COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/tests/every_scenario.sh
            $<TARGET_FILE:bench-${contestant}>)
    set_tests_properties(bench_${contestant}_plays_every_scenario PROPERTIES
        LABELS bench TIMEOUT 600)
endforeach()

foreach(fault IN ITEMS 0 1)
    add_executable(bench-faulty-${fault} run.cpp)
    target_compile_definitions(bench-faulty-${fault} PRIVATE
        CONTESTANT="tests/faulty.hpp" FAULT=${fault})
    target_link_libraries(bench-faulty-${fault} PRIVATE handoff_bench)
    handoff_warnings(bench-faulty-${fault})
    add_test(NAME bench_notices_fault_${fault}
        COMMAND bench-faulty-${fault} throughput --messages 2048)
    set_tests_properties(bench_notices_fault_${fault} PROPERTIES LABELS bench TIMEOUT 600
        PASS_REGULAR_EXPRESSION "what was sent and what came differ")
endforeach()

add_test(NAME bench_driver
    COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/tests/test_driver.py
        ${PROJECT_BINARY_DIR})
set_tests_properties(bench_driver PROPERTIES LABELS bench TIMEOUT 600)

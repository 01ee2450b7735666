# SPDX-License-Identifier: MIT
# The game server's scenario: programs of its own (README.md).

# The library once more, without what keeps apart the places that several threads write.
get_target_property(core_sources handoff_core SOURCES)
list(TRANSFORM core_sources PREPEND ${PROJECT_SOURCE_DIR}/src/)
get_target_property(core_options handoff_core COMPILE_OPTIONS)
add_library(handoff_unpadded SHARED ${core_sources})
target_link_libraries(handoff_unpadded PRIVATE handoff_abi)
target_include_directories(handoff_unpadded
    PUBLIC ${PROJECT_SOURCE_DIR}/include PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(handoff_unpadded PRIVATE HOI_LINE=8)
target_compile_options(handoff_unpadded PRIVATE ${core_options})
bench_contestant(handoff_unpadded
    HEADER handoff_loan.hpp LIBS handoff_unpadded DEFINES HANDOFF_BURST=16)

# bench_story(name HEADER file [LIBS ...] [DEFINES ...])
function(bench_story name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "HEADER" "LIBS;DEFINES")
    add_executable(bench-story-${name} story/main.cpp story/memory.cpp story/meter.cpp)
    target_compile_definitions(bench-story-${name} PRIVATE
        CONTESTANT="story/${arg_HEADER}" ${arg_DEFINES})
    target_link_libraries(bench-story-${name} PRIVATE
        handoff_bench ${CMAKE_DL_LIBS} ${arg_LIBS})
    handoff_warnings(bench-story-${name})
    set(bench_stories ${bench_stories} ${name} PARENT_SCOPE)
endfunction()

set(bench_stories "")
bench_story(handoff_single HEADER handoff.hpp LIBS handoff DEFINES HANDOFF_BURST=1)
bench_story(handoff_batch HEADER handoff.hpp LIBS handoff DEFINES HANDOFF_BURST=16)
bench_story(handoff_unpadded HEADER handoff.hpp LIBS handoff_unpadded DEFINES HANDOFF_BURST=16)
bench_story(strings HEADER strings.hpp)

add_library(bench-locks SHARED story/locks.c)
target_link_libraries(bench-locks PRIVATE ${CMAKE_DL_LIBS})
handoff_warnings(bench-locks)

if(HANDOFF_BUILD_TESTS)
    foreach(name IN LISTS bench_stories)
        set(takes_locks no)
        if(name STREQUAL "strings")
            set(takes_locks yes)
        endif()
        add_test(NAME bench_story_${name}
            COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/story/test_story.sh
                $<TARGET_FILE:bench-story-${name}> $<TARGET_FILE:bench-locks> ${takes_locks})
        set_tests_properties(bench_story_${name} PROPERTIES LABELS bench TIMEOUT 600)
    endforeach()
    find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
    add_test(NAME bench_story_driver
        COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/story/test_story.py)
    set_tests_properties(bench_story_driver PROPERTIES LABELS bench TIMEOUT 600)
endif()

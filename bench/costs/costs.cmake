# SPDX-License-Identifier: MIT
# What handoff costs besides time: instructions, memory of its ends, an idle consumer.
foreach(cost IN ITEMS calls state idle straggler ways)
    add_executable(bench-${cost} costs/${cost}.c)
    target_include_directories(bench-${cost} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(bench-${cost} PRIVATE handoff handoff_tools_common Threads::Threads)
    handoff_warnings(bench-${cost})
endforeach()

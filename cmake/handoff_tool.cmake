# SPDX-License-Identifier: MIT

# What holds for every tool that is installed.
function(handoff_tool target)
    handoff_warnings(${target})
    handoff_hardening(${target})
    target_compile_definitions(${target} PRIVATE TOOL_VERSION="${PROJECT_VERSION}")
    if(HANDOFF_INSTALL)
        install(TARGETS ${target}
            RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT handoff_tools)
    endif()
endfunction()

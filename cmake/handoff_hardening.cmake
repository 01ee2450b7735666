# SPDX-License-Identifier: MIT

# Hardens a target that is installed, in optimised builds: checks of the stack and of buffers whose
# size the compiler knows, and relocations that are read-only before main begins.
function(handoff_hardening target)
    if(HANDOFF_SANITIZE) # which check more, and replace what FORTIFY replaces
        return()
    endif()
    set(optimised $<CONFIG:Release,RelWithDebInfo,MinSizeRel>)
    target_compile_options(${target} PRIVATE
        $<${optimised}:-fstack-protector-strong>
        $<${optimised}:-U_FORTIFY_SOURCE> # of compilers that define it themselves
        $<${optimised}:-D_FORTIFY_SOURCE=2>)
    target_link_options(${target} PRIVATE
        $<${optimised}:LINKER:-z,relro>
        $<${optimised}:LINKER:-z,now>)
endfunction()

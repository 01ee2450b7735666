# SPDX-License-Identifier: MIT

set(handoff_warning_options
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror)
set(handoff_warning_c_options -Wstrict-prototypes)
set(handoff_warning_cxx_options -Wold-style-cast)

# Sets the project's warnings on a target of ours, as errors. Who embeds the project sees none of it.
function(handoff_warnings target)
    if(NOT HANDOFF_DEVELOPER)
        return()
    endif()
    target_compile_options(${target} PRIVATE ${handoff_warning_options}
        $<$<COMPILE_LANGUAGE:C>:${handoff_warning_c_options}>
        $<$<COMPILE_LANGUAGE:CXX>:${handoff_warning_cxx_options}>)
endfunction()

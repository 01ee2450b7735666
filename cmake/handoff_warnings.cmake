# SPDX-License-Identifier: MIT

# Sets the project's warnings on a target of ours, as errors. Who embeds the project sees none of it.
function(handoff_warnings target)
    if(NOT HANDOFF_DEVELOPER)
        return()
    endif()
    target_compile_options(${target} PRIVATE
        -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror
        $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
        $<$<COMPILE_LANGUAGE:CXX>:-Wold-style-cast>)
endfunction()

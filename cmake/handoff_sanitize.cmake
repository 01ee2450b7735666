# SPDX-License-Identifier: MIT

# Sanitizers go on everything or on nothing: mixed programs report nonsense.
if(HANDOFF_SANITIZE)
    if(NOT HANDOFF_SANITIZE MATCHES "^(address,undefined|thread)$")
        message(FATAL_ERROR
            "HANDOFF_SANITIZE is '${HANDOFF_SANITIZE}': set 'address,undefined', 'thread' or nothing")
    endif()
    set(handoff_sanitize_options -fsanitize=${HANDOFF_SANITIZE} -fno-sanitize-recover=all
        -fno-omit-frame-pointer -O1 -g)
    add_compile_options(${handoff_sanitize_options})
    if(HANDOFF_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # Asio has fences, which the sanitizer doesn't see; its locks order the same. C stays strict.
        set(handoff_sanitize_cxx_options -Wno-tsan)
        add_compile_options($<$<COMPILE_LANGUAGE:CXX>:${handoff_sanitize_cxx_options}>)
    endif()
    add_link_options(-fsanitize=${HANDOFF_SANITIZE})
endif()

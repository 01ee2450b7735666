# SPDX-License-Identifier: MIT

# Sanitizers go on everything or on nothing: mixed programs report nonsense.
if(HANDOFF_SANITIZE)
    if(NOT HANDOFF_SANITIZE MATCHES "^(address,undefined|thread)$")
        message(FATAL_ERROR
            "HANDOFF_SANITIZE is '${HANDOFF_SANITIZE}': set 'address,undefined', 'thread' or nothing")
    endif()
    add_compile_options(-fsanitize=${HANDOFF_SANITIZE} -fno-sanitize-recover=all
        -fno-omit-frame-pointer -O1 -g)
    if(HANDOFF_SANITIZE STREQUAL "thread")
        # Asio has fences, which the sanitizer doesn't see; its locks order the same. C stays strict.
        add_compile_options($<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-tsan>)
    endif()
    add_link_options(-fsanitize=${HANDOFF_SANITIZE})
endif()

# SPDX-License-Identifier: MIT

# Sanitizers go on everything or on nothing: mixed programs report nonsense.
if(HANDOFF_SANITIZE)
    if(NOT HANDOFF_SANITIZE MATCHES "^(address,undefined|thread)$")
        message(FATAL_ERROR
            "HANDOFF_SANITIZE is '${HANDOFF_SANITIZE}': set 'address,undefined', 'thread' or nothing")
    endif()
    add_compile_options(-fsanitize=${HANDOFF_SANITIZE} -fno-sanitize-recover=all
        -fno-omit-frame-pointer -O1 -g)
    add_link_options(-fsanitize=${HANDOFF_SANITIZE})
endif()

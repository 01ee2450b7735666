# SPDX-License-Identifier: MIT

# What the parts that were asked for need, looked for before anything is compiled.

# handoff_needs(PART OTHER ...): PART stands on the others.
function(handoff_needs part)
    foreach(other IN LISTS ARGN)
        if(HANDOFF_BUILD_${part} AND NOT HANDOFF_BUILD_${other})
            message(FATAL_ERROR "HANDOFF_BUILD_${part} needs HANDOFF_BUILD_${other}: "
                "configure with -DHANDOFF_BUILD_${other}=ON, or without ${part}")
        endif()
    endforeach()
endfunction()

handoff_needs(TESTS NET TOOLS)
handoff_needs(BENCH TOOLS)

if(HANDOFF_BUILD_NET OR HANDOFF_BUILD_BENCH)
    include(CheckLanguage)
    check_language(CXX)
    if(NOT CMAKE_CXX_COMPILER)
        message(FATAL_ERROR "HANDOFF_BUILD_NET and HANDOFF_BUILD_BENCH need a C++17 compiler, and "
            "there is none: install one (Debian: g++), or configure with -DHANDOFF_BUILD_NET=OFF")
    endif()
    enable_language(CXX)
endif()

if(HANDOFF_BUILD_NET)
    find_path(HANDOFF_ASIO_INCLUDE_DIR asio.hpp DOC "Folder of standalone Asio's asio.hpp")
    mark_as_advanced(HANDOFF_ASIO_INCLUDE_DIR)
    if(NOT HANDOFF_ASIO_INCLUDE_DIR)
        message(FATAL_ERROR "HANDOFF_BUILD_NET needs standalone Asio, and asio.hpp is not here: "
            "install it (Debian: libasio-dev), name its folder with -DHANDOFF_ASIO_INCLUDE_DIR=..., "
            "or configure with -DHANDOFF_BUILD_NET=OFF")
    endif()
endif()

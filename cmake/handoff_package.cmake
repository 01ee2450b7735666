# SPDX-License-Identifier: MIT

# Debian packages of the three components. CPack's generator DEB; packaging/README.md says how.

set(debian ${PROJECT_SOURCE_DIR}/packaging/debian)
# The address is of a domain that can't be, and says what to do: whoever publishes the packages answers for them.
set(HANDOFF_MAINTAINER "The handoff authors <set-HANDOFF_MAINTAINER@handoff.invalid>" CACHE STRING
    "Who publishes the packages: name and address, for the field Maintainer and the changelog")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "zero-copy handoff of buffers from a C++ server to C services")
set(CPACK_PACKAGE_CONTACT "${HANDOFF_MAINTAINER}")
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS # whatever the umask
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS ${debian}/finish.cmake)

set(CPACK_COMPONENTS_ALL handoff_runtime handoff_dev)
if(HANDOFF_BUILD_TOOLS)
    list(APPEND CPACK_COMPONENTS_ALL handoff_tools)
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(same_version "libhandoff${PROJECT_VERSION_MAJOR} (= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})")

# While the major is 0, a program that was linked with one minor does not run with the next.
if(PROJECT_VERSION_MAJOR EQUAL 0)
    math(EXPR next_minor "${PROJECT_VERSION_MINOR} + 1")
    set(next_abi 0.${next_minor})
else()
    math(EXPR next_abi "${PROJECT_VERSION_MAJOR} + 1")
endif()
configure_file(${debian}/shlibs.in ${PROJECT_BINARY_DIR}/debian/shlibs @ONLY)

set(what "Passes buffers and their ownership between a C++ network server and
services written in C, within one process, without copying them. What
crosses is a pointer, a length and the ownership, through a lock-free ring.")

# What it depends on finish.cmake finds out: where CPack does, it adds scripts that call ldconfig, which
# the trigger does better.
set(CPACK_DEBIAN_HANDOFF_RUNTIME_PACKAGE_NAME libhandoff${PROJECT_VERSION_MAJOR})
set(CPACK_DEBIAN_HANDOFF_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_HANDOFF_RUNTIME_PACKAGE_CONTROL_EXTRA
    ${PROJECT_BINARY_DIR}/debian/shlibs ${debian}/triggers)
set(CPACK_COMPONENT_HANDOFF_RUNTIME_DESCRIPTION "${what}

This package has the shared library.")

set(CPACK_DEBIAN_HANDOFF_DEV_PACKAGE_NAME libhandoff-dev)
set(CPACK_DEBIAN_HANDOFF_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_HANDOFF_DEV_PACKAGE_DEPENDS "${same_version}")
set(CPACK_COMPONENT_HANDOFF_DEV_DESCRIPTION "${what}

This package has the headers for C and C++, static libraries, among them
the network entrypoint, files for CMake and pkg-config, the
documentation, examples, and bindings for Rust and Python.")

set(CPACK_DEBIAN_HANDOFF_TOOLS_PACKAGE_NAME handoff-tools)
set(CPACK_DEBIAN_HANDOFF_TOOLS_PACKAGE_SECTION net)
set(CPACK_DEBIAN_HANDOFF_TOOLS_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_HANDOFF_TOOLS_PACKAGE_DEPENDS "${same_version}") # which handoff-conform opens
set(CPACK_COMPONENT_HANDOFF_TOOLS_DESCRIPTION "${what}

This package has handoff-gateway, a game gateway with three services;
handoff-load, which plays thousands of players against it; and
handoff-conform, which tests a build of the library against the
description of its ABI.")

include(CPack)

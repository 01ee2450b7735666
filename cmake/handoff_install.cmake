# SPDX-License-Identifier: MIT

include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/handoff)
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(DIRECTORY include/handoff cpp_shim/handoff DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
install(EXPORT handoff NAMESPACE handoff:: FILE handoff-targets.cmake DESTINATION ${package_dir})

configure_package_config_file(cmake/handoff-config.cmake.in
    ${PROJECT_BINARY_DIR}/handoff-config.cmake INSTALL_DESTINATION ${package_dir})
# While major is 0 a new minor may change the ABI.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/handoff-config-version.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES
    ${PROJECT_BINARY_DIR}/handoff-config.cmake
    ${PROJECT_BINARY_DIR}/handoff-config-version.cmake
    DESTINATION ${package_dir})

# Relative to the file itself, so that an installed tree can be moved.
file(RELATIVE_PATH handoff_pc_prefix
    /${pkgconfig_dir} /)
configure_file(cmake/handoff.pc.in ${PROJECT_BINARY_DIR}/handoff.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/handoff.pc DESTINATION ${pkgconfig_dir})

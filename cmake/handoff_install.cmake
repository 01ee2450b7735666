# SPDX-License-Identifier: MIT

include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/handoff)
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(pc_files handoff.pc)
set(left_out PATTERN "net.hpp" EXCLUDE)
if(HANDOFF_BUILD_NET)
    list(APPEND pc_files handoff-net.pc)
    set(left_out)
endif()

install(DIRECTORY include/handoff cpp_shim/handoff DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp" ${left_out})
install(FILES README.md CHANGELOG.md LICENSE abi.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
# Examples take the bindings from beside them. Their tests stay here.
install(DIRECTORY docs examples bindings DESTINATION ${CMAKE_INSTALL_DOCDIR}
    REGEX "/(examples|bindings)/CMakeLists\\.txt$" EXCLUDE
    REGEX "/bindings/rust/(tests|target)$" EXCLUDE
    PATTERN "__pycache__" EXCLUDE
    PATTERN ".gitignore" EXCLUDE)
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
foreach(pc_file IN LISTS pc_files)
    configure_file(cmake/${pc_file}.in ${PROJECT_BINARY_DIR}/${pc_file} @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/${pc_file} DESTINATION ${pkgconfig_dir})
endforeach()

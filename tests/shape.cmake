# SPDX-License-Identifier: MIT
# Tests of the project's shape: what a reader relies on and a compiler doesn't check.

find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)

add_test(NAME public_headers_compile_alone
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/check_headers.sh ${PROJECT_SOURCE_DIR})
set_tests_properties(public_headers_compile_alone PROPERTIES TIMEOUT 1200)

get_target_property(hot_sources handoff_core HANDOFF_HOT_SOURCES)
get_target_property(version_script handoff_core HANDOFF_VERSION_SCRIPT)
add_test(NAME only_the_abi_is_exported
    COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/check_symbols.py
        --headers ${PROJECT_SOURCE_DIR}/include/handoff
        --map ${version_script}
        --shared $<TARGET_FILE:handoff>
        --archive $<TARGET_FILE:handoff_static>
        --hot ${hot_sources})

add_test(NAME includes_point_downward
    COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/check_includes.py
        ${PROJECT_SOURCE_DIR})

file(GLOB core_files CONFIGURE_DEPENDS
    ${PROJECT_SOURCE_DIR}/src/*.c ${PROJECT_SOURCE_DIR}/src/*.h ${PROJECT_SOURCE_DIR}/src/*.inl)
add_test(NAME edges_are_as_their_tables_say
    COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/check_edges.py ${core_files})
add_test(NAME wrong_edges_are_found
    COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/check_edges_refuses.py)

add_test(NAME readme_is_true
    COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/check_readme.py ${PROJECT_SOURCE_DIR})

add_test(NAME code_is_formatted
    COMMAND ${PROJECT_SOURCE_DIR}/scripts/format --check)
set_tests_properties(code_is_formatted PROPERTIES SKIP_RETURN_CODE 77)

add_test(NAME installed_package_serves_c_and_cpp
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/install/check_install.sh
        ${PROJECT_BINARY_DIR} ${PROJECT_SOURCE_DIR})
set_tests_properties(installed_package_serves_c_and_cpp PROPERTIES
    RESOURCE_LOCK install_manifest # which any install of this build writes
    TIMEOUT 600)
add_test(NAME getting_started_works_as_told
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/install/check_getting_started.sh
        ${PROJECT_BINARY_DIR} ${PROJECT_SOURCE_DIR})
set_tests_properties(getting_started_works_as_told PROPERTIES
    RESOURCE_LOCK install_manifest TIMEOUT 600)
add_test(NAME builds_need_and_do_no_more_than_they_say
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/install/check_builds.sh ${PROJECT_SOURCE_DIR})
set_tests_properties(builds_need_and_do_no_more_than_they_say PROPERTIES TIMEOUT 600)
add_test(NAME packages_install_and_serve
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/install/check_packages.sh ${PROJECT_SOURCE_DIR})
set_tests_properties(packages_install_and_serve PROPERTIES TIMEOUT 2400 SKIP_RETURN_CODE 77)
add_test(NAME one_version_everywhere
    COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/check_packaging.py ${PROJECT_SOURCE_DIR})
set_tests_properties(one_version_everywhere PROPERTIES TIMEOUT 600)
add_test(NAME a_release_is_cut
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/check_release.sh ${PROJECT_SOURCE_DIR})
set_tests_properties(a_release_is_cut PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77)

# SPDX-License-Identifier: MIT
# The reference: docs/api.md is current; man pages and HTML are made without a warning.

set(reference ${PROJECT_SOURCE_DIR}/tools/reference)
add_test(NAME docs_api_is_current
    COMMAND Python3::Interpreter -B ${reference}/api.py --check)
add_test(NAME docs_man_pages_are_right
    COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_SOURCE_DIR}/check_man.py ${PROJECT_BINARY_DIR}/reference)
set_tests_properties(docs_man_pages_are_right PROPERTIES SKIP_RETURN_CODE 77)
add_test(NAME docs_reference_takes_new_headers
    COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_SOURCE_DIR}/check_reference.py ${PROJECT_SOURCE_DIR})
if(DOXYGEN_EXECUTABLE)
    add_test(NAME docs_html_is_made_without_warnings
        COMMAND ${DOXYGEN_EXECUTABLE} ${PROJECT_BINARY_DIR}/reference/Doxyfile)
    set_tests_properties(docs_html_is_made_without_warnings PROPERTIES TIMEOUT 600)
endif()

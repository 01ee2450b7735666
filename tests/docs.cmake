# SPDX-License-Identifier: MIT
# The guides: their code runs, their claims hold, and what they show is that code.

handoff_add_test(test_docs SOURCES test_docs.c LIBS rig)
handoff_add_test(test_docs_claims SOURCES test_docs_claims.c LIBS rig)
handoff_add_test(test_docs_memory SOURCES test_docs_memory.c LIBS rig)
handoff_add_test(test_docs_slow SOURCES test_docs_slow.c LIBS rig)
handoff_add_test(test_docs_pools SOURCES test_docs_pools.c LIBS rig)
handoff_add_test(test_docs_alloc SOURCES test_docs_alloc.c LIBS rig)
handoff_add_test(test_docs_servers SOURCES test_docs_servers.cpp LIBS handoff_cpp)
target_compile_definitions(test_docs_servers PRIVATE ASIO_STANDALONE)
# The bridge's guide: whole servers.
handoff_add_test(test_bridge_servers SOURCES test_bridge_servers.cpp LIBS handoff_cpp)
target_compile_definitions(test_bridge_servers PRIVATE ASIO_STANDALONE)
find_path(UV_INCLUDE_DIR uv.h)
find_library(UV_LIBRARY uv)
if(UV_INCLUDE_DIR AND UV_LIBRARY)
    handoff_add_test(test_bridge_uv SOURCES test_bridge_uv.cpp LIBS handoff_cpp ${UV_LIBRARY})
    target_compile_definitions(test_bridge_uv PRIVATE ASIO_STANDALONE)
endif()

if(NOT HANDOFF_SANITIZE)
    find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
    add_test(NAME guides_show_what_runs
        COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/check_docs.py ${PROJECT_SOURCE_DIR})

    file(GLOB pictures CONFIGURE_DEPENDS
        ${PROJECT_SOURCE_DIR}/docs/*.svg ${PROJECT_SOURCE_DIR}/bench/results/*.svg)
    add_test(NAME texts_of_pictures_fit
        COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/check_pictures.py ${pictures})
    add_test(NAME wrong_pictures_are_found
        COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_SOURCE_DIR}/check_pictures_refuses.py ${PROJECT_SOURCE_DIR})
    set_tests_properties(texts_of_pictures_fit wrong_pictures_are_found PROPERTIES SKIP_RETURN_CODE 77)
endif()

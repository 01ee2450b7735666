# SPDX-License-Identifier: MIT
# The guides: their code runs, their claims hold, and what they show is that code.

handoff_add_test(test_docs SOURCES test_docs.c LIBS rig)
handoff_add_test(test_docs_claims SOURCES test_docs_claims.c LIBS rig)
handoff_add_test(test_docs_memory SOURCES test_docs_memory.c LIBS rig)
handoff_add_test(test_docs_servers SOURCES test_docs_servers.cpp LIBS handoff_cpp)
target_compile_definitions(test_docs_servers PRIVATE ASIO_STANDALONE)

if(NOT HANDOFF_SANITIZE)
    find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
    add_test(NAME guides_show_what_runs
        COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/check_docs.py ${PROJECT_SOURCE_DIR})
endif()

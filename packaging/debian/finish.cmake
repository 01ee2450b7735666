# SPDX-License-Identifier: MIT

# cpack runs this over the files of each package: adds what Debian wants beside them.
file(READ ${CMAKE_CURRENT_LIST_DIR}/../../LICENSE license)
string(REGEX MATCH "Copyright \\(c\\) ([^\n]*)" holder "${license}")
set(holder ${CMAKE_MATCH_1})
string(REGEX REPLACE "^.*\n(Permission is)" "\\1" license "${license}")
string(REGEX REPLACE "\n\n" "\n.\n" license "${license}")
string(REGEX REPLACE "\n([^\n])" "\n \\1" license "${license}")
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC) # that of SOURCE_DATE_EPOCH where it is set
set(version ${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})

foreach(component IN LISTS CPACK_COMPONENTS_ALL)
    string(TOUPPER ${component} upper)
    set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${component}/usr/share)
    set(doc ${root}/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
    file(WRITE ${doc}/copyright
"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: handoff

Files: *
Copyright: ${holder}
License: Expat

License: Expat
 ${license}")
    file(WRITE ${doc}/changelog.Debian
"handoff (${version}) unstable; urgency=medium

  * Release ${CPACK_PACKAGE_VERSION}; what changed: CHANGELOG.md in libhandoff-dev.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
    file(REMOVE ${root}/doc/handoff/LICENSE) # is in "copyright"
    file(GLOB_RECURSE pages ${root}/man/*.[1-9])
    execute_process(COMMAND gzip -9n ${doc}/changelog.Debian ${pages} COMMAND_ERROR_IS_FATAL ANY)
    file(CHMOD_RECURSE ${root} FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ
        DIRECTORY_PERMISSIONS ${CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS})
endforeach()

# The libraries that the shared one needs.
set(runtime ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/handoff_runtime)
file(GLOB_RECURSE library ${runtime}/usr/lib/*.so.*.*)
file(WRITE ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/debian/control "") # it asks for one
execute_process(COMMAND dpkg-shlibdeps --warnings=0 -O ${library}
    WORKING_DIRECTORY ${CPACK_TEMPORARY_INSTALL_DIRECTORY}
    OUTPUT_VARIABLE needs OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE "^shlibs:Depends=" "" CPACK_DEBIAN_HANDOFF_RUNTIME_PACKAGE_DEPENDS "${needs}")

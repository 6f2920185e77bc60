# SPDX-License-Identifier: BSL-1.0
# cpack -G DEB, in the build folder: the Debian package libpenstock-dev. cpack -G TGZ: the same as an archive.
set(CPACK_PACKAGE_NAME penstock)
set(CPACK_PACKAGE_VENDOR "The Penstock authors")
set(CPACK_PACKAGE_CONTACT "The Penstock authors")
# Debian wants the first line in 80 columns.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "streaming dataflow for C++20, with back-pressure and recovery")
set(CPACK_PACKAGE_DESCRIPTION
    "Penstock is a header-only library of streams and their operators: typed,
fused where they can be, with back-pressure from every sink to every source,
windows and joins in event time, and snapshots to go on from after a crash.")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_VERBATIM_VARIABLES ON)

set(CPACK_GENERATOR DEB)
set(CPACK_DEBIAN_PACKAGE_NAME libpenstock-dev)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libboost1.81-dev | libboost-dev (>= 1.81), libfmt-dev (>= 9)")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "pkg-config, libssl-dev (>= 3), libsqlite3-dev (>= 3.37)")
set(CPACK_PRE_BUILD_SCRIPTS "${CMAKE_CURRENT_LIST_DIR}/PenstockDebianCopyright.cmake")
include(CPack)

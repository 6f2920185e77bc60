# SPDX-License-Identifier: BSL-1.0
# Run by cpack: Debian wants the licence of a package under this name too.
if(CPACK_GENERATOR STREQUAL "DEB")
  file(INSTALL "${CPACK_RESOURCE_FILE_LICENSE}"
       DESTINATION "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share/doc/${CPACK_DEBIAN_PACKAGE_NAME}" RENAME copyright
       MESSAGE_NEVER)
endif()

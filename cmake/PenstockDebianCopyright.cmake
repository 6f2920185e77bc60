# SPDX-License-Identifier: BSL-1.0
# Run by cpack: Debian wants the licence of a package under this name too, and beside it whose the copyright is.
if(CPACK_GENERATOR STREQUAL "DEB")
  set(doc_dir "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share/doc/${CPACK_DEBIAN_PACKAGE_NAME}")
  file(MAKE_DIRECTORY "${doc_dir}")
  file(READ "${CPACK_RESOURCE_FILE_LICENSE}" licence)
  file(WRITE "${doc_dir}/copyright" "Copyright: ${CPACK_PACKAGE_VENDOR}\n\n${licence}")
endif()

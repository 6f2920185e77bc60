# SPDX-License-Identifier: BSL-1.0
# Run by cpack: Debian wants the licence of a package under this name too.
if(CPACK_GENERATOR STREQUAL "DEB")
  set(doc_dir "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share/doc/${CPACK_DEBIAN_PACKAGE_NAME}")
  file(MAKE_DIRECTORY "${doc_dir}")
  file(COPY_FILE "${CPACK_RESOURCE_FILE_LICENSE}" "${doc_dir}/copyright")
endif()

# SPDX-License-Identifier: BSL-1.0
# Nothing of Penstock belongs to one machine, so all of it but the headers goes to share/.
include(CMakePackageConfigHelpers)

# An export set each: who asks for the core alone needs neither Boost nor fmt, and who does not ask for TLS no OpenSSL. As with SQLite.
set(package_dir "${CMAKE_INSTALL_DATADIR}/cmake/penstock")
install(TARGETS penstock_core EXPORT penstockCoreTargets FILE_SET HEADERS)
install(EXPORT penstockCoreTargets NAMESPACE penstock:: DESTINATION "${package_dir}")
set(installed core)
if(NOT PENSTOCK_CORE_ONLY)
  install(TARGETS penstock EXPORT penstockTargets)
  install(EXPORT penstockTargets NAMESPACE penstock:: DESTINATION "${package_dir}")
  list(APPEND installed penstock)
  if(PENSTOCK_TLS)
    install(TARGETS penstock_tls EXPORT penstockTlsTargets)
    install(EXPORT penstockTlsTargets NAMESPACE penstock:: DESTINATION "${package_dir}")
    list(APPEND installed tls)
  endif()
  if(PENSTOCK_SQLITE)
    install(TARGETS penstock_sqlite EXPORT penstockSqliteTargets)
    install(EXPORT penstockSqliteTargets NAMESPACE penstock:: DESTINATION "${package_dir}")
    list(APPEND installed sqlite)
  endif()
endif()
list(JOIN installed ", " installed_text)
string(REGEX REPLACE "(.*), " "\\1 and " installed_text "${installed_text}")

configure_package_config_file(cmake/penstockConfig.cmake.in penstockConfig.cmake INSTALL_DESTINATION "${package_dir}"
                              NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor release may change the interface.
write_basic_package_version_file(penstockConfigVersion.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/penstockConfig.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/penstockConfigVersion.cmake" DESTINATION "${package_dir}")

# The folder may be moved as a whole: the prefix is found from where the .pc file lies.
set(pc_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")
cmake_path(ABSOLUTE_PATH pc_dir BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}" NORMALIZE OUTPUT_VARIABLE pc_full_dir)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY "${pc_full_dir}" OUTPUT_VARIABLE pc_to_prefix)
set(pc_include_dir "${CMAKE_INSTALL_INCLUDEDIR}")
if(NOT IS_ABSOLUTE "${pc_include_dir}")
  set(pc_include_dir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
if(PENSTOCK_FMT_HEADER_ONLY)
  set(pc_fmt "Requires.private: fmt >= 9\nCflags: -DFMT_HEADER_ONLY=1 -pthread")
else()
  set(pc_fmt "Requires: fmt >= 9\nCflags: -pthread")
endif()
foreach(name IN LISTS installed)
  if(NOT name STREQUAL "penstock")
    string(PREPEND name penstock-)
  endif()
  configure_file(cmake/${name}.pc.in ${name}.pc @ONLY)
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/${name}.pc" DESTINATION "${pc_dir}")
endforeach()

install(FILES LICENSE THIRD_PARTY.md DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/penstock")
if(PROJECT_IS_TOP_LEVEL)
  include(PenstockPackage)
endif()

# SPDX-License-Identifier: BSL-1.0
# cmake -DBUILD_DIR=... -DWORK_DIR=... -DCPACK=... -DMAKE=... -DPKG_CONFIG=... -DCXX=... -P debian.cmake
# Makes the Debian package, looks at what is in it, unpacks it into a folder (nothing is installed on this machine) and
# builds a user's program against that.
cmake_minimum_required(VERSION 3.23)
file(REMOVE_RECURSE "${WORK_DIR}")
file(MAKE_DIRECTORY "${WORK_DIR}/root")
execute_process(COMMAND "${CPACK}" -G DEB -B "${WORK_DIR}" --config "${BUILD_DIR}/CPackConfig.cmake"
                WORKING_DIRECTORY "${WORK_DIR}" OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(GLOB package "${WORK_DIR}/libpenstock-dev_*_all.deb")
execute_process(COMMAND dpkg-deb --contents "${package}" OUTPUT_VARIABLE contents COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" lines "${contents}")
set(files)
foreach(line IN LISTS lines)
  if(NOT line MATCHES "^-[^.]* \\./(.+)$")
    continue()  # a folder
  endif()
  list(APPEND files "${CMAKE_MATCH_1}")
  if(NOT CMAKE_MATCH_1 MATCHES "^usr/(include/penstock/|share/(cmake|licenses)/penstock/|share/pkgconfig/|share/doc/libpenstock-dev/)")
    message(SEND_ERROR "the package holds ${CMAKE_MATCH_1}")
  endif()
endforeach()
foreach(file include/penstock/penstock.hpp share/cmake/penstock/penstockConfig.cmake share/pkgconfig/penstock.pc
             share/doc/libpenstock-dev/copyright)
  if(NOT "usr/${file}" IN_LIST files)
    message(SEND_ERROR "the package lacks ${file}")
  endif()
endforeach()
list(LENGTH files count)
execute_process(COMMAND dpkg-deb --field "${package}" Package Version Architecture Depends COMMAND_ERROR_IS_FATAL ANY)
message(STATUS "${count} files")

execute_process(COMMAND dpkg-deb --extract "${package}" "${WORK_DIR}/root" COMMAND_ERROR_IS_FATAL ANY)
set(ENV{PKG_CONFIG_PATH} "${WORK_DIR}/root/usr/share/pkgconfig:$ENV{PKG_CONFIG_PATH}")
execute_process(COMMAND "${MAKE}" -f "${CMAKE_CURRENT_LIST_DIR}/make/Makefile" "CXX=${CXX}" "PKG_CONFIG=${PKG_CONFIG}" core
                WORKING_DIRECTORY "${WORK_DIR}" COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${WORK_DIR}/core" COMMAND_ERROR_IS_FATAL ANY)

# SPDX-License-Identifier: BSL-1.0
# Takes Penstock from PENSTOCK_SOURCE with FetchContent, and refuses what a sub-project leaves behind that is none of its
# user's business: targets, names in the cache, install rules, words.
include(FetchContent)
get_cmake_property(cache_before CACHE_VARIABLES)
get_cmake_property(variables_before VARIABLES)

# The test fails when anything stands between these two lines.
message(STATUS "[penstock")
FetchContent_Declare(penstock SOURCE_DIR "${PENSTOCK_SOURCE}")
FetchContent_MakeAvailable(penstock)
message(STATUS "]penstock")
get_directory_property(penstock_VERSION DIRECTORY "${penstock_SOURCE_DIR}" DEFINITION PROJECT_VERSION)

get_cmake_property(cache CACHE_VARIABLES)
list(REMOVE_ITEM cache ${cache_before})
# Beside our own: what CMake, and the modules and packages that we use, remember. FindOpenSSL asks pkg-config, and FindSQLite3 in CMake 4.
list(FILTER cache EXCLUDE REGEX
     "^(PENSTOCK_|penstock_|CMAKE_|_GNUInstallDirs_|FETCHCONTENT_|FIND_PACKAGE_MESSAGE_DETAILS_|Boost_|boost_|fmt_|_?OPENSSL_|(PC_)?SQLite3_|PKG_CONFIG_|pkgcfg_|__pkg_config_.*(OPENSSL|SQLite3)$|prefix_result$)")
if(cache)
  message(FATAL_ERROR "as a sub-project Penstock puts into the cache: ${cache}")
endif()

get_cmake_property(variables VARIABLES)
list(REMOVE_ITEM variables ${variables_before})
list(FILTER variables EXCLUDE REGEX
     "^(PENSTOCK_|penstock_|CMAKE_|FETCHCONTENT_|FIND_PACKAGE_MESSAGE_DETAILS_|Boost_|boost_|fmt_|OPENSSL_|(PC_)?SQLite3_|PKG_CONFIG_|pkgcfg_|prefix_result$|cache_before$|cache$|variables_before$|_)")
if(variables)
  message(FATAL_ERROR "as a sub-project Penstock sets in its user's scope: ${variables}")
endif()

if(PENSTOCK_BUILD_TESTS OR PENSTOCK_BUILD_EXAMPLES OR PENSTOCK_BUILD_BENCH OR PENSTOCK_CHECK_HEADERS OR PENSTOCK_INSTALL)
  message(FATAL_ERROR "as a sub-project Penstock builds or installs more than it was asked for")
endif()
get_property(targets DIRECTORY "${penstock_SOURCE_DIR}" PROPERTY BUILDSYSTEM_TARGETS)
list(REMOVE_ITEM targets penstock penstock_core penstock_tls penstock_sqlite penstock_warnings)
get_property(folders DIRECTORY "${penstock_SOURCE_DIR}" PROPERTY SUBDIRECTORIES)
get_property(tests DIRECTORY "${penstock_SOURCE_DIR}" PROPERTY TESTS)
if(targets OR folders OR tests)
  message(FATAL_ERROR "as a sub-project Penstock brings ${targets} ${folders} ${tests}")
endif()

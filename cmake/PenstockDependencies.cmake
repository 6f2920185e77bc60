# SPDX-License-Identifier: BSL-1.0
# What penstock::penstock stands on. A parent project may have brought any of it already.

# Boost says itself where it is, except where only its headers were copied: later versions of CMake warn when one lets them look.
if(NOT TARGET Boost::headers)
  if(NOT Boost_NO_BOOST_CMAKE)
    find_package(Boost 1.81 QUIET CONFIG)
  endif()
  if(NOT TARGET Boost::headers)
    find_package(Boost 1.81 QUIET)
  endif()
  if(NOT TARGET Boost::headers)
    message(FATAL_ERROR "penstock needs the headers of Boost 1.81 or later (Debian: libboost1.81-dev, vcpkg: boost-asio)")
  endif()
endif()

if(PENSTOCK_FMT_HEADER_ONLY)
  set(PENSTOCK_FMT_TARGET fmt::fmt-header-only)
else()
  set(PENSTOCK_FMT_TARGET fmt::fmt)
endif()
if(NOT TARGET ${PENSTOCK_FMT_TARGET})
  find_package(fmt 9 QUIET)
  if(NOT TARGET ${PENSTOCK_FMT_TARGET})
    message(FATAL_ERROR "penstock needs fmt 9 or later (Debian: libfmt-dev, vcpkg: fmt)")
  endif()
endif()

if(PENSTOCK_TLS AND NOT TARGET OpenSSL::SSL)
  find_package(OpenSSL 3 QUIET)
endif()
if(PENSTOCK_SQLITE AND NOT TARGET SQLite::SQLite3)
  find_package(SQLite3 3.37 QUIET)
endif()

if(NOT TARGET Threads::Threads)
  set(THREADS_PREFER_PTHREAD_FLAG ON)
  find_package(Threads REQUIRED QUIET)
endif()

# SPDX-License-Identifier: BSL-1.0
# What users do with Penstock, each in a project of its own that is built and run as a test.

# consume_test(NAME FOLDER PROGRAM [OPTION...]): configures and builds tests/consume/FOLDER, and runs PROGRAM.
function(consume_test name folder program)
  add_test(NAME consume/${name}
           COMMAND ${CMAKE_CTEST_COMMAND} --build-and-test "${CMAKE_CURRENT_SOURCE_DIR}/consume/${folder}"
                   "${CMAKE_CURRENT_BINARY_DIR}/consume/${name}" --build-generator ${CMAKE_GENERATOR} --build-options
                   "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}" ${ARGN} --test-command ${program})
  set_tests_properties(consume/${name} PROPERTIES TIMEOUT 300)
endfunction()

# Installed, and then taken from there by CMake.
set(prefix "${CMAKE_CURRENT_BINARY_DIR}/consume/prefix")
add_test(NAME consume/install COMMAND ${CMAKE_COMMAND} --install "${PROJECT_BINARY_DIR}" --prefix "${prefix}")
set_tests_properties(consume/install PROPERTIES TIMEOUT 300 FIXTURES_SETUP penstock_installed)
consume_test(package . consume "-DCMAKE_PREFIX_PATH=${prefix}")
set_tests_properties(consume/package PROPERTIES FIXTURES_REQUIRED penstock_installed)

# As a sub-project, which says nothing while it is configured. ctest shows status lines with or without their dashes.
consume_test(subdirectory . consume "-DPENSTOCK_SOURCE=${PROJECT_SOURCE_DIR}")
set_tests_properties(consume/subdirectory PROPERTIES FAIL_REGULAR_EXPRESSION
                                                     "\\[penstock\r?\n(-- [^]]|[^]-])|CMake [A-Za-z ]*Warning")

# The others see nothing that the sanitizers' legs would find and these two would not.
if(CMAKE_CXX_FLAGS MATCHES "-fsanitize")
  return()
endif()

# A library that uses the core and hides it from its own users.
consume_test(library library app "-DCMAKE_PREFIX_PATH=${prefix}")
add_test(NAME consume/components
         COMMAND ${CMAKE_COMMAND} -S "${CMAKE_CURRENT_SOURCE_DIR}/consume/components" -B
                 "${CMAKE_CURRENT_BINARY_DIR}/consume/components" -G ${CMAKE_GENERATOR} "-DCMAKE_PREFIX_PATH=${prefix}")
set_tests_properties(consume/library consume/components PROPERTIES TIMEOUT 300 FIXTURES_REQUIRED penstock_installed)

# With each component that can be had. As sub-projects they are configured only: they would compile the same.
set(components)
foreach(component tls sqlite)
  if(NOT TARGET penstock::${component})
    continue()
  endif()
  list(APPEND components ${component})
  consume_test(${component} component ${component} "-DCMAKE_PREFIX_PATH=${prefix}" "-DCOMPONENT=${component}")
  set_tests_properties(consume/${component} PROPERTIES FIXTURES_REQUIRED penstock_installed)
  add_test(NAME consume/${component}_subdirectory
           COMMAND ${CMAKE_COMMAND} -S "${CMAKE_CURRENT_SOURCE_DIR}/consume/component" -B
                   "${CMAKE_CURRENT_BINARY_DIR}/consume/${component}_subdirectory" -G ${CMAKE_GENERATOR} "-DCOMPONENT=${component}"
                   "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}" "-DPENSTOCK_SOURCE=${PROJECT_SOURCE_DIR}")
  set_tests_properties(consume/${component}_subdirectory PROPERTIES TIMEOUT 300)
endforeach()
list(JOIN components " " components)

# With make: by pkg-config, and with a copy of the single header.
find_program(PENSTOCK_MAKE NAMES gmake make)
find_program(PENSTOCK_PKG_CONFIG NAMES pkg-config pkgconf)
mark_as_advanced(PENSTOCK_MAKE PENSTOCK_PKG_CONFIG)
file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/consume/make" "${CMAKE_CURRENT_BINARY_DIR}/consume/single_header")
if(PENSTOCK_MAKE AND PENSTOCK_PKG_CONFIG)
  add_test(NAME consume/pkg_config
           COMMAND "${PENSTOCK_MAKE}" --always-make -f "${CMAKE_CURRENT_SOURCE_DIR}/consume/make/Makefile"
                   "CXX=${CMAKE_CXX_COMPILER}" "PKG_CONFIG=${PENSTOCK_PKG_CONFIG}"
                   "MORE=${components}"
           WORKING_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/consume/make")
  set_tests_properties(
    consume/pkg_config
    PROPERTIES TIMEOUT 300 FIXTURES_REQUIRED penstock_installed ENVIRONMENT
               "PKG_CONFIG_PATH=${prefix}/${CMAKE_INSTALL_DATADIR}/pkgconfig:$ENV{PKG_CONFIG_PATH}")
else()
  add_test(NAME consume/pkg_config COMMAND ${CMAKE_COMMAND} -E echo "skipped: needs make and pkg-config")
  set_tests_properties(consume/pkg_config PROPERTIES SKIP_REGULAR_EXPRESSION "^skipped")
endif()
find_program(PENSTOCK_DPKG_DEB NAMES dpkg-deb)
mark_as_advanced(PENSTOCK_DPKG_DEB)
if(PENSTOCK_MAKE AND PENSTOCK_PKG_CONFIG AND PENSTOCK_DPKG_DEB)
  add_test(NAME consume/debian
           COMMAND ${CMAKE_COMMAND} "-DBUILD_DIR=${PROJECT_BINARY_DIR}" "-DCPACK=${CMAKE_CPACK_COMMAND}"
                   "-DWORK_DIR=${CMAKE_CURRENT_BINARY_DIR}/consume/debian" "-DMAKE=${PENSTOCK_MAKE}"
                   "-DPKG_CONFIG=${PENSTOCK_PKG_CONFIG}" "-DCXX=${CMAKE_CXX_COMPILER}" -P
                   "${CMAKE_CURRENT_SOURCE_DIR}/consume/debian.cmake")
  set_tests_properties(consume/debian PROPERTIES TIMEOUT 300)
else()
  add_test(NAME consume/debian COMMAND ${CMAKE_COMMAND} -E echo "skipped: needs make, pkg-config and dpkg-deb")
  set_tests_properties(consume/debian PROPERTIES SKIP_REGULAR_EXPRESSION "^skipped")
endif()
if(PENSTOCK_MAKE)
  set(single_header "${CMAKE_CURRENT_BINARY_DIR}/consume/single_header/penstock_core.hpp")
  add_test(NAME consume/write_single_header COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/tools/single_header.py"
                                                    "${single_header}")
  set_tests_properties(consume/write_single_header PROPERTIES TIMEOUT 300 FIXTURES_SETUP penstock_single_header)
  add_test(NAME consume/single_header
           COMMAND "${PENSTOCK_MAKE}" --always-make -f "${CMAKE_CURRENT_SOURCE_DIR}/consume/single_header/Makefile"
                   "CXX=${CMAKE_CXX_COMPILER}"
           WORKING_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/consume/single_header")
  set_tests_properties(consume/single_header PROPERTIES TIMEOUT 300 FIXTURES_REQUIRED penstock_single_header)
else()
  add_test(NAME consume/single_header COMMAND ${CMAKE_COMMAND} -E echo "skipped: needs make")
  set_tests_properties(consume/single_header PROPERTIES SKIP_REGULAR_EXPRESSION "^skipped")
endif()

# A few of our own tests, compiled as they are against the single header: stand-ins of the same names come first on the
# include path.
set(single_dir "${CMAKE_CURRENT_BINARY_DIR}/single_header")
add_custom_command(
  OUTPUT "${single_dir}/penstock_core.hpp"
  COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/tools/single_header.py" "${single_dir}/penstock_core.hpp"
          --stand-ins "${single_dir}/stand_ins"
  COMMAND ${CMAKE_COMMAND} -E touch "${single_dir}/penstock_core.hpp"
  DEPENDS "${PROJECT_SOURCE_DIR}/tools/single_header.py" ${penstock_headers}
  VERBATIM)
set(single_tests context own_operator ref)
list(TRANSFORM single_tests REPLACE "(.+)" "core/\\1_test.cpp" OUTPUT_VARIABLE single_files)
add_executable(test_single_header ${single_files} "${single_dir}/penstock_core.hpp")
target_include_directories(test_single_header BEFORE PRIVATE "${single_dir}/stand_ins" "${CMAKE_CURRENT_SOURCE_DIR}")
target_link_libraries(test_single_header PRIVATE penstock penstock_warnings penstock_catch_main)
if(PENSTOCK_TEST_PRECOMPILED)
  target_precompile_headers(test_single_header REUSE_FROM penstock_test_precompiled)
endif()
foreach(name IN LISTS single_tests)
  add_test(NAME single_header/${name} COMMAND test_single_header --filenames-as-tags "[#${name}_test]")
  set_tests_properties(single_header/${name} PROPERTIES TIMEOUT 300 FAIL_REGULAR_EXPRESSION "No test cases matched")
endforeach()

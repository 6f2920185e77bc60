# SPDX-License-Identifier: BSL-1.0
# The target penstock_check_headers compiles every header in a file of its own, included twice.
set(units)
foreach(header IN LISTS penstock_headers)
  file(RELATIVE_PATH name "${CMAKE_CURRENT_SOURCE_DIR}/include" "${header}")
  set(unit "${CMAKE_CURRENT_BINARY_DIR}/check_headers/${name}.cpp")
  file(CONFIGURE OUTPUT "${unit}" CONTENT "#include <${name}>\n#include <${name}>\n" @ONLY)
  list(APPEND units "${unit}")
endforeach()

add_library(penstock_check_headers OBJECT EXCLUDE_FROM_ALL ${units})
target_link_libraries(penstock_check_headers PRIVATE penstock penstock_warnings)

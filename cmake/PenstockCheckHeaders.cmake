# SPDX-License-Identifier: BSL-1.0
# The target penstock_check_headers compiles every header in a file of its own, included twice. Those of an optional
# component are left out where it is.
set(units)
set(check_with penstock)
if(TARGET penstock::tls)
  set(check_with penstock::tls)
endif()
foreach(header IN LISTS penstock_headers)
  if(header MATCHES "/connect/tls(/|\\.hpp$)" AND NOT TARGET penstock::tls)
    continue()
  endif()
  file(RELATIVE_PATH name "${CMAKE_CURRENT_SOURCE_DIR}/include" "${header}")
  set(unit "${CMAKE_CURRENT_BINARY_DIR}/check_headers/${name}.cpp")
  file(CONFIGURE OUTPUT "${unit}" CONTENT "#include <${name}>\n#include <${name}>\n" @ONLY)
  list(APPEND units "${unit}")
endforeach()

add_library(penstock_check_headers OBJECT EXCLUDE_FROM_ALL ${units})
target_link_libraries(penstock_check_headers PRIVATE ${check_with} penstock_warnings)

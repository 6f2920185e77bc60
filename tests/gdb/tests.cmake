# SPDX-License-Identifier: BSL-1.0
# What tools/gdb/penstock.py makes gdb show. gdb and the sanitizers do not go together.
if(CMAKE_CXX_FLAGS MATCHES "-fsanitize")
  return()
endif()

add_executable(test_gdb gdb/printers.cpp)
target_link_libraries(test_gdb PRIVATE penstock_core penstock_warnings)
target_compile_options(test_gdb PRIVATE -O0 -g2 $<$<CXX_COMPILER_ID:Clang,AppleClang>:-fstandalone-debug>)
add_test(NAME gdb/printers
         COMMAND Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/gdb/run.py" "${PROJECT_SOURCE_DIR}/tools/gdb/penstock.py"
                 "${CMAKE_CURRENT_SOURCE_DIR}/gdb/printers.gdb" "${CMAKE_CURRENT_SOURCE_DIR}/gdb/printers.expected"
                 $<TARGET_FILE:test_gdb>)
set_tests_properties(gdb/printers PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77)

# SPDX-License-Identifier: BSL-1.0
# The flagship of examples/12_flagship, killed in every way there is. Its programs are built here too, with the failpoints,
# so that the tests need no examples.
set(flagship "${PROJECT_SOURCE_DIR}/examples/12_flagship")
add_executable(flagship_job "${flagship}/hourly_funnel.cpp" flagship/failpoint_names.cpp)
target_compile_definitions(flagship_job PRIVATE PENSTOCK_FAILPOINTS)
add_executable(flagship_writer "${flagship}/shop_writer.cpp")
foreach(program IN ITEMS flagship_job flagship_writer)
  target_link_libraries(${program} PRIVATE penstock penstock_warnings)
endforeach()
set(scenarios kills failpoints processes data)
# A failpoint is no other thread than a kill at a random time: what the thread sanitizer can see, it sees with those.
if(CMAKE_CXX_FLAGS MATCHES "-fsanitize=thread")
  list(REMOVE_ITEM scenarios failpoints)
endif()
foreach(scenario IN LISTS scenarios)
  add_test(NAME flagship/${scenario}
           COMMAND Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/flagship/flagship.py" ${scenario}
                   --job $<TARGET_FILE:flagship_job> --writer $<TARGET_FILE:flagship_writer>)
  set_tests_properties(flagship/${scenario} PROPERTIES TIMEOUT 900 SKIP_RETURN_CODE 77
                                                       ENVIRONMENT "PENSTOCK_TEST_DATA=${penstock_test_data}")
endforeach()

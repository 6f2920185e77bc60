# SPDX-License-Identifier: BSL-1.0
# Where the data lies that some tests and examples read. They are skipped where it is absent.
set(PENSTOCK_TEST_DATA "" CACHE PATH "Folder of the test data; the default is ../shared/data beside the project")

set(penstock_test_data "${PENSTOCK_TEST_DATA}")
if(NOT penstock_test_data AND IS_DIRECTORY "${PROJECT_SOURCE_DIR}/../shared/data")
  file(REAL_PATH "${PROJECT_SOURCE_DIR}/../shared/data" penstock_test_data)
endif()

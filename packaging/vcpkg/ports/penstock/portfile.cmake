# SPDX-License-Identifier: BSL-1.0
# The port of a source tree at hand, for an overlay: the archive of a release would be fetched here instead.
if(NOT DEFINED ENV{PENSTOCK_SOURCE})
  message(FATAL_ERROR "set PENSTOCK_SOURCE to the folder of Penstock's sources; see packaging/README.md")
endif()
set(SOURCE_PATH "$ENV{PENSTOCK_SOURCE}")

set(VCPKG_BUILD_TYPE release)  # header-only
vcpkg_check_features(OUT_FEATURE_OPTIONS feature_options FEATURES tls PENSTOCK_TLS sqlite PENSTOCK_SQLITE
                     INVERTED_FEATURES loop PENSTOCK_CORE_ONLY)
vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS -DPENSTOCK_BUILD_TESTS=OFF -DPENSTOCK_BUILD_EXAMPLES=OFF -DPENSTOCK_BUILD_BENCH=OFF
          -DPENSTOCK_CHECK_HEADERS=OFF -DPENSTOCK_INSTALL=ON ${feature_options})
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/penstock)
vcpkg_fixup_pkgconfig()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/lib" "${CURRENT_PACKAGES_DIR}/debug")
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/licenses" "${CURRENT_PACKAGES_DIR}/share/cmake")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")

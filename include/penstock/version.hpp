// SPDX-License-Identifier: BSL-1.0
#pragma once

// CMakeLists.txt reads the version from these three lines.
#define PENSTOCK_VERSION_MAJOR 0
#define PENSTOCK_VERSION_MINOR 1
#define PENSTOCK_VERSION_PATCH 0

/// The version as one number that grows with every release: 0.1.0 is 100, 1.2.3 is 10203.
#define PENSTOCK_VERSION \
  (PENSTOCK_VERSION_MAJOR * 10000 + PENSTOCK_VERSION_MINOR * 100 + PENSTOCK_VERSION_PATCH)

/// The version as text, such as "0.1.0".
#define PENSTOCK_VERSION_STRING \
  PENSTOCK_DETAIL_VERSION_TEXT(PENSTOCK_VERSION_MAJOR, PENSTOCK_VERSION_MINOR, PENSTOCK_VERSION_PATCH)
#define PENSTOCK_DETAIL_VERSION_TEXT(major, minor, patch) PENSTOCK_DETAIL_VERSION_TEXT_(major, minor, patch)
#define PENSTOCK_DETAIL_VERSION_TEXT_(major, minor, patch) #major "." #minor "." #patch

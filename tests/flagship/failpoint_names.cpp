// SPDX-License-Identifier: BSL-1.0
#include <cstdio>
#include <cstdlib>
#include <string>

#include "penstock/state/failpoint.hpp"

// Part of the flagship as it is tested: tells at its end which failpoints it has, when it is asked.

namespace {

void tell() {
  for (const std::string& name : penstock::Failpoints::names()) std::printf("failpoint %s\n", name.c_str());
}

const bool told = [] {
  if (!std::getenv("PENSTOCK_FAILPOINT_NAMES")) return false;
  static_cast<void>(penstock::Failpoints::names());  // made before, so that it ends after
  return std::atexit(tell) == 0;
}();

}  // namespace

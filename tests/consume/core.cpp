// SPDX-License-Identifier: BSL-1.0
#include <penstock/core.hpp>

int main() { return 0; }

// SPDX-License-Identifier: BSL-1.0
#pragma once

#if __has_include(<bits/stl_algo.h>)
#include <string>

#include <bits/stl_algo.h>  // libstdc++: the algorithms without those of ranges
#else
#include <algorithm>
#endif

// SPDX-License-Identifier: BSL-1.0
#pragma once

#if __has_include(<bits/std_function.h>)
#include <bits/std_function.h>  // libstdc++: std::function without searchers and their hash tables
#else
#include <functional>
#endif

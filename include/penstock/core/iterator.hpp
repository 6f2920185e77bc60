// SPDX-License-Identifier: BSL-1.0
#pragma once

#if __has_include(<bits/ranges_base.h>)
#include <string>  // libstdc++: has std::begin, std::size and the iterator concepts without the iterators of streams
#else
#include <iterator>
#endif

// SPDX-License-Identifier: BSL-1.0
#pragma once

#if __has_include(<bits/unique_ptr.h>)
#include <bits/unique_ptr.h>  // libstdc++: without shared pointers and what they bring
#else
#include <memory>
#endif

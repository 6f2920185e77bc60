// expect: window_join: the keys of both streams must have one type
// SPDX-License-Identifier: BSL-1.0
#include "other_keys.hpp"

int main() { static_cast<void>(penstock::window_join(left, right, penstock::tumbling(std::chrono::seconds{1}))); }

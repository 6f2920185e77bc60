// expect: enrich: the keys of both streams must have one type
// SPDX-License-Identifier: BSL-1.0
#include "other_keys.hpp"

int main() { static_cast<void>(penstock::enrich(left, right, penstock::rows_stay())); }

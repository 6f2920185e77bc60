// SPDX-License-Identifier: BSL-1.0
#include "penstock_core.hpp"

#include <string>

penstock::Stream<std::size_t> lengths(const penstock::Stream<std::string>& words) {
  return words.map([](const std::string& word) { return word.size(); });
}

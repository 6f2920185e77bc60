// expect: accumulate: the function must be callable with the state
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<int> source;
#ifdef BAD
  source.accumulate([](const std::string& s, int x) { return s + std::to_string(x); }).sink([](const auto&) {});
#else
  source.accumulate([](const std::string& s, int x) { return s + std::to_string(x); }, std::string{}).sink([](const auto&) {});
#endif
}

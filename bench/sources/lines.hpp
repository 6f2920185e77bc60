// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/json/value.hpp>

#include "bench.hpp"
#include "penstock/core.hpp"

// The text file of the benchmarks: 100 000 lines, each a small JSON object, from a generator of known numbers.

namespace bench {

constexpr std::int64_t lines = 100000;
constexpr Value sum_of_lines = 49789677;

/// Writes the file to the folder for temporary files, once, and returns where it is.
const std::string& lines_file();
/// The same lines without their ends.
const std::vector<std::string>& lines_in_memory();

/// A line that was parsed.
struct Reading {
  boost::json::value json;
  Value value() const;
};
Reading parse(const std::string& line);

/// parse, pluck, running sum; `last` is the newest sum.
void sum_lines(const penstock::Stream<std::string>& source, Value* last);

}  // namespace bench

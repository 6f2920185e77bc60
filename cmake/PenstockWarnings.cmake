# SPDX-License-Identifier: BSL-1.0
# What our own tests, examples and benchmarks are compiled with. Private: never reaches a user of the library.
add_library(penstock_warnings INTERFACE)
target_compile_options(
  penstock_warnings
  INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
            # g++ keeps sign conversions out of -Wconversion; clang shall say no more than g++.
            $<$<CXX_COMPILER_ID:Clang,AppleClang>:-Wno-sign-conversion>
            # No warning, but a tenth less time: it does not look for what it could forget before it holds 1 GB.
            $<$<CXX_COMPILER_ID:GNU>:--param=ggc-min-heapsize=1000000>)
target_compile_definitions(penstock_warnings INTERFACE BOOST_ASIO_NO_DEPRECATED)

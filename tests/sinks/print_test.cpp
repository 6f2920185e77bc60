// SPDX-License-Identifier: BSL-1.0
#include "penstock/sinks/print.hpp"

#include <fmt/chrono.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"

using namespace penstock;
using penstock::test::containing;

namespace {

struct Point {
  int x = 0;
  int y = 0;
};

/// What `fill` has printed to a C stream.
template <class Fn>
std::string printed(Fn fill) {
  std::FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  fill(file);
  std::rewind(file);
  char text[256] = {};
  const std::size_t got = std::fread(text, 1, sizeof text, file);
  std::fclose(file);
  return {text, got};
}

}  // namespace

template <>
struct fmt::formatter<Point> {
  template <class Context>
  constexpr auto parse(Context& context) {
    return context.begin();
  }
  template <class Context>
  auto format(const Point& point, Context& context) const {
    if (point.x < 0) throw std::domain_error("no such point");
    return fmt::format_to(context.out(), "({}, {})", point.x, point.y);
  }
};

TEST_CASE("print writes one element a line") {
  CHECK(printed([](std::FILE* file) {
          const Stream<int> source;
          source.print(file);
          source.emit(1);
          source.emit(-2);
          source.close();
        }) == "1\n-2\n");
}

TEST_CASE("print takes a format, which says where lines end") {
  CHECK(printed([](std::FILE* file) {
          const Stream<double> source;
          source.print(file, "{{{:>6.2f}}};");
          source.print(file, std::string{"{0} {0:e}\n"});
          source.emit(0.5);
          source.close();
        }) == "{  0.50};0.5 5.000000e-01\n");
}

TEST_CASE("print takes what fmt can print: texts, times, ranges, and types with a formatter of their own") {
  CHECK(printed([](std::FILE* file) {
          const Stream<std::string_view> texts;
          texts.print(file, "{:-^5}\n");
          texts.emit("a");
          texts.close();
          const Stream<std::chrono::seconds> times;
          times.print(file);
          times.emit(std::chrono::seconds{3});
          times.close();
          const Stream<std::vector<int>> ranges;
          ranges.print(file);
          ranges.emit({1, 2});
          ranges.close();
          const Stream<Point> points;
          points.print(file, "at {}\n");
          points.emit({3, 4});
          points.close();
        }) == "--a--\n3s\n[1, 2]\nat (3, 4)\n");
}

TEST_CASE("print checks the format where it is wired") {
  const Stream<int> source;
  const Stream<std::string> texts;
  CHECK_THROWS_AS(source.print("{:s}\n"), std::invalid_argument);
  CHECK_THROWS_WITH(source.print("{:s}\n"),
                    containing("print: the format \"{:s}\n\" does not fit the element"));
  CHECK_THROWS_AS(texts.print("{:d}"), std::invalid_argument);
  CHECK_THROWS_WITH(source.print("{} {}"), containing("more than one element"));
  CHECK_THROWS_WITH(source.print("{0} {}"), containing("numbers some of its fields"));
  CHECK_THROWS_WITH(source.print("{1}"), containing("has a field that is not"));
  CHECK_THROWS_WITH(source.print("{name}"), containing("has a field that is not"));
  CHECK_THROWS_WITH(source.print("{:{}}"), containing("a field within a field"));
  for (const char* unbalanced : {"{", "{:", "{:>8", "{0", "}", "{}}", "a{0:x"}) {
    CHECK_THROWS_AS(source.print(unbalanced), std::invalid_argument);
  }
  source.emit(1);  // nothing was wired
  CHECK(printed([](std::FILE* file) {
          const Stream<int> numbers;
          numbers.print(file, "no field}}\n");
          numbers.emit(1);
          numbers.close();
        }) == "no field}\n");
}

TEST_CASE("an element whose formatter throws has failed, and the next one is printed") {
  CHECK(printed([](std::FILE* file) {
          const Stream<Point> points;
          const Sink sink = points.print(file);
          CHECK_THROWS_AS(points.emit({-1, 0}), std::domain_error);
          points.emit({1, 0});
          CHECK(sink.info().failed.get() == 1);
          points.close();
        }) == "(1, 0)\n");
}

TEST_CASE("print says when the stream cannot be written") {
  std::FILE* full = std::fopen("/dev/full", "w");
  if (!full) PENSTOCK_SKIP("no /dev/full here");
  {
    const Stream<int> source;
    source.print(full);
    source.emit(1);
    CHECK_THROWS_WITH(source.close(), containing("print: cannot write to the given file: No space left"));
  }
  std::fclose(full);
}

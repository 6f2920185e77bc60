// SPDX-License-Identifier: BSL-1.0
// Takes things out of tuples, structs and maps.
#include <fmt/core.h>

#include <map>
#include <string>
#include <tuple>

#include "penstock/core.hpp"

struct Person {
  std::string name;
  int age;
};

int main() {
  penstock::Stream<std::tuple<int, std::string, double>> rows;
  rows.pluck<0, 2>().starmap([](int id, double price) { return id * price; }).sink([](double x) {
    fmt::print("{}\n", x);
  });
  rows.emit({3, "apple", 0.5});

  penstock::Stream<Person> people;
  people.pluck(&Person::name).sink([](const std::string& name) { fmt::print("{}\n", name); });
  people.emit({"ann", 30});

  penstock::Stream<std::map<std::string, int>> records;
  records.pluck("b").sink([](int b) { fmt::print("{}\n", b); });
  records.emit({{"a", 1}, {"b", 2}});
}

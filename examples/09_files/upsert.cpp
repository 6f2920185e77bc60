// SPDX-License-Identifier: BSL-1.0
//
// A table in a file, a row for each sensor: what comes later takes the place of what came before.
#include <filesystem>
#include <fstream>
#include <string>

#include <boost/describe/class.hpp>
#include <fmt/core.h>

#include <penstock/penstock.hpp>

struct Reading {
  std::string sensor;
  int degrees = 0;
  std::string state;
};
BOOST_DESCRIBE_STRUCT(Reading, (), (sensor, degrees, state))

void show(const std::filesystem::path& file) {
  std::ifstream in{file};
  for (std::string line; std::getline(in, line);) fmt::print("  {}\n", line);
}

int main() {
  const std::filesystem::path file = std::filesystem::temp_directory_path() / "penstock_upsert_example.csv";
  std::filesystem::remove(file);

  const penstock::Stream<Reading> readings;
  readings.upsert_csv(file.string(), &Reading::sensor, penstock::UpsertCsv{.flush = true});
  readings.emit({"attic", 31, "ok"});
  readings.emit({"cellar", 9, "ok"});
  readings.emit({"attic", 31, "ok"});  // says nothing new
  readings.emit({"attic", 36, "hot"});
  fmt::print("while it runs the last record of a key counts:\n");
  show(file);
  readings.close();
  fmt::print("at the end there is one for each:\n");
  show(file);

  // Another run goes on with the table.
  const penstock::Stream<Reading> later;
  later.upsert_csv(file.string(), &Reading::sensor);
  later.emit({"cellar", 8, "ok"});
  later.emit({"roof", -2, "ok"});
  later.close();
  fmt::print("and after another run:\n");
  show(file);
  std::filesystem::remove(file);
}

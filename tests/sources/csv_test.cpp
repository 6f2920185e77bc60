// SPDX-License-Identifier: BSL-1.0
#include "penstock/sources/csv.hpp"

#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"

using namespace penstock;
using Fields = std::vector<std::string>;

namespace {

Fields split(std::string text, char separator = ',') {
  const CsvRecord record{std::move(text), separator};
  Fields fields;
  for (std::size_t i = 0; i < record.size(); ++i) fields.emplace_back(record[i]);
  return fields;
}

}  // namespace

// The numbered rules are those of RFC 4180, section 2.
TEST_CASE("a CSV record is split at commas, and spaces belong to the fields (rule 4)") {
  CHECK(split("aaa,bbb,ccc") == Fields{"aaa", "bbb", "ccc"});
  CHECK(split(" a ,b") == Fields{" a ", "b"});
  CHECK(split("a;b,c", ';') == Fields{"a", "b,c"});
}

TEST_CASE("empty fields are fields, the only one and the last one too") {
  CHECK(split("") == Fields{""});
  CHECK(split(",") == Fields{"", ""});
  CHECK(split("a,,c,") == Fields{"a", "", "c", ""});
  CHECK(split("\"\"") == Fields{""});
  CHECK(split("\"\",\"\"") == Fields{"", ""});
}

TEST_CASE("quoted fields hold commas and line ends (rules 5 and 6), and doubled quotes (rule 7)") {
  CHECK(split("\"aaa\",\"bbb\",\"ccc\"") == Fields{"aaa", "bbb", "ccc"});
  CHECK(split("\"aaa\",\"b\r\nbb\",\"ccc\"") == Fields{"aaa", "b\r\nbb", "ccc"});
  CHECK(split("\"aaa\",\"b\"\"bb\",\"ccc\"") == Fields{"aaa", "b\"bb", "ccc"});
  CHECK(split("\"a,b\",\"\"\"\"\"\",c") == Fields{"a,b", "\"\"", "c"});
  CHECK(split("x,\"a\"") == Fields{"x", "a"});
}

TEST_CASE("a carriage return at the end is part of the line end (rule 1)") {
  CHECK(split("a,b\r") == Fields{"a", "b"});
  CHECK(split("a,\"b\"\r") == Fields{"a", "b"});
  CHECK(split("\r") == Fields{""});
}

TEST_CASE("a quote inside a field that does not begin with one stands for itself") {
  CHECK(split("5\" nail,b\"c\"") == Fields{"5\" nail", "b\"c\""});
}

TEST_CASE("damaged quotes say what is wrong and where") {
  CHECK_THROWS_WITH(split("a,\"b"), "csv: the quote of field 2 is not closed");
  CHECK_THROWS_WITH(split("\""), "csv: the quote of field 1 is not closed");
  CHECK_THROWS_WITH(split("\"a\"\""), "csv: the quote of field 1 is not closed");
  CHECK_THROWS_WITH(split("a,\"b\"c"), "csv: text follows the quotes of field 2");
  CHECK_THROWS_AS(split("\"a\" ,b"), CsvError);
}

TEST_CASE("a record survives being moved and copied, however short its text") {
  std::vector<CsvRecord> records;
  for (int i = 0; i < 10; ++i) records.emplace_back("a,\"b\",c");
  const CsvRecord copy = records[3];
  const CsvRecord moved = std::move(records[3]);
  CHECK(copy[1] == "b");
  CHECK(moved[2] == "c");
  CHECK(moved.at(0) == "a");
  CHECK_THROWS_WITH(moved.at(3), "csv: field 3 of a record of 3");
}

TEST_CASE("what csv_field writes is read back as it was") {
  CHECK(csv_field("plain") == "plain");
  CHECK(csv_field("a,b") == "\"a,b\"");
  CHECK(csv_field("say \"x\"") == "\"say \"\"x\"\"\"");
  for (const std::string text : {"", "a", "a,b", "\"", "\"\"", "a\nb", "x\r", ",", "a\"b,c\"\n"}) {
    CHECK(split(csv_field(text) + "," + csv_field(text)) == Fields{text, text});
  }
}

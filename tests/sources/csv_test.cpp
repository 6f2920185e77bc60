// SPDX-License-Identifier: BSL-1.0
#include "penstock/sources/csv.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "fuzz/fuzz.hpp"

using namespace penstock;
using Fields = std::vector<std::string>;

namespace {

Fields split(std::string text, char separator = ',') {
  const CsvRecord record{std::move(text), separator};
  Fields fields;
  for (std::size_t i = 0; i < record.size(); ++i) fields.emplace_back(record[i]);
  return fields;
}

/// What a reader finds, in words: fields in brackets, what is damaged with its reason; before it the line.
Fields read(std::string_view text, std::size_t piece, CsvFormat format = {}) {
  CsvReader reader{format};
  Fields found;
  penstock::test::feed_in_pieces(reader, text, piece, [&] {
    for (Found next = reader.next(); next != Found::nothing; next = reader.next()) {
      std::string words = std::to_string(reader.line()) + " ";
      if (next == Found::record) {
        for (std::size_t i = 0; i < reader.size(); ++i) words += "[" + std::string(reader[i]) + "]";
      } else {
        words += reader.problem() + ": " + std::string(reader.text());
      }
      found.push_back(words + " " + std::to_string(reader.offset()));
    }
  });
  return found;
}

/// The same, and that it does not depend on how the text was cut.
Fields read(std::string_view text, CsvFormat format = {}) {
  const Fields whole = read(text, text.size() + 1, format);
  for (std::size_t piece = 1; piece < text.size(); ++piece) CHECK(read(text, piece, format) == whole);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    CsvReader reader{format};
    std::size_t n = 0;
    reader.feed(text.substr(0, cut));
    while (reader.next() != Found::nothing) ++n;
    reader.feed(text.substr(cut));
    reader.finish();
    while (reader.next() != Found::nothing) ++n;
    CHECK(n == whole.size());
  }
  return whole;
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

TEST_CASE("a CSV record is all of its text") {
  CHECK(split("a,b\r\n") == Fields{"a", "b"});
  CHECK_THROWS_WITH(split("a\nb"), "csv: text follows the end of the record");
}

TEST_CASE("CsvReader finds records behind LF and CRLF, and the last one without (rules 1 and 2)") {
  CHECK(read("aaa,bbb\r\nccc,ddd\r\n") == Fields{"1 [aaa][bbb] 9", "2 [ccc][ddd] 18"});
  CHECK(read("aaa,bbb\nccc,ddd") == Fields{"1 [aaa][bbb] 8", "2 [ccc][ddd] 15"});
  CHECK(read("a,\nb,\r\n,") == Fields{"1 [a][] 3", "2 [b][] 7", "3 [][] 8"});
  CHECK(read("") == Fields{});
}

TEST_CASE("CsvReader counts the lines and bytes of quoted fields with line ends in them") {
  CHECK(read("\"a\nb\",\"c\r\n\"\nd,\"e\"\"f\"\r\ng") ==
        Fields{"1 [a\nb][c\r\n] 12", "4 [d][e\"f] 22", "5 [g] 23"});
  CHECK(read("a;'b;''c'';'\n", {.separator = ';', .quote = '\''}) == Fields{"1 [a][b;'c';] 13"});
}

TEST_CASE("CsvReader leaves out a byte order mark and empty lines, or keeps them where they mean something") {
  const std::string mark = "\xEF\xBB\xBF";
  CHECK(read(mark + "a,b\n") == Fields{"1 [a][b] 7"});
  CHECK(read("a\n" + mark + "b") == Fields{"1 [a] 2", "2 [" + mark + "b] 6"});
  CHECK(read("\xEF\xBB") == Fields{"1 [\xEF\xBB] 2"});
  CHECK(read("\na\n\r\n\nb\n\n") == Fields{"2 [a] 3", "5 [b] 8"});
  CHECK(read("a\n\n\"\"\n", {.empty_lines = true}) == Fields{"1 [a] 2", "2 [] 3", "3 [] 6"});
}

TEST_CASE("CsvReader takes carriage returns and quotes in the middle of a field for what they are") {
  CHECK(read("a\rb,c\"d\"\n") == Fields{"1 [a\rb][c\"d\"] 9"});
  CHECK(read("a\r") == Fields{"1 [a] 2"});
  CHECK(read(std::string_view{"a\0b,\0\n", 6}) == Fields{std::string{"1 [a\0b][\0] 6", 12}});
}

TEST_CASE("CsvReader goes on behind a damaged record") {
  CHECK(read("a,\"b\"c,d\ne,f\n") ==
        Fields{"1 text follows the quotes of field 2: a,\"b\"c,d 9", "2 [e][f] 13"});
  CHECK(read("\"a\" ,\"x\ny\"\nz") ==
        Fields{"1 text follows the quotes of field 1: \"a\" ,\"x\ny\" 11", "3 [z] 12"});
}

TEST_CASE("CsvReader gives up a quote that is not closed at the end of its line") {
  CHECK(read("a,\"b\nc,d\ne\n") ==
        Fields{"1 the quote of field 2 is not closed: a,\"b 5", "2 [c][d] 9", "3 [e] 11"});
  CHECK(read("a\n\"b") == Fields{"1 [a] 2", "2 the quote of field 1 is not closed: \"b 4"});
}

TEST_CASE("CsvReader gives up a record that is too long at the end of its first line") {
  const CsvFormat format{.max_record = 6};
  CHECK(read("abc,de\r\nabcdefg\nh\n", format) ==
        Fields{"1 [abc][de] 8", "2 the record is longer than 6 bytes: abcdef 16", "3 [h] 18"});
  CHECK(read("\"ab\ncd\nefgh\nij\nk\n", format) ==
        Fields{"1 the record is longer than 6 bytes: \"ab 4", "2 [cd] 7", "3 [efgh] 12", "4 [ij] 15",
               "5 [k] 17"});
  CHECK(read("abcdefghijklmnopq", format) == Fields{"1 the record is longer than 6 bytes: abcdef 17"});
  CHECK_THROWS_AS(CsvReader{CsvFormat{.max_record = 0}}, std::invalid_argument);
  CHECK_THROWS_AS((CsvReader{CsvFormat{.separator = '"'}}), std::invalid_argument);
}

TEST_CASE("CsvReader says which fields stood in quotes") {
  CsvReader reader;
  reader.feed("\"\",,\"a\",b\n");
  REQUIRE(reader.next() == Found::record);
  CHECK(reader.quoted(0));
  CHECK_FALSE(reader.quoted(1));
  CHECK(reader.quoted(2));
  CHECK_FALSE(reader.quoted(3));
}

TEST_CASE("CsvReader looks no further than the longest record for the end of a quote") {
  const CsvFormat format{.max_record = 8};
  std::string text;
  for (int i = 1; i <= 40; ++i) text += "\"\"\"a,b\n";  // opens a quote
  text += "c\n";
  const Fields found = read(text, text.size(), format);
  CHECK(found == read(text, 1, format));
  REQUIRE(found.size() == 41);
  CHECK(found[0] == "1 the record is longer than 8 bytes: \"\"\"a,b 7");
  CHECK(found[38] == "39 the record is longer than 8 bytes: \"\"\"a,b 273");
  CHECK(found[39] == "40 the quote of field 1 is not closed: \"\"\"a,b 280");
  CHECK(found[40] == "41 [c] 282");
}

TEST_CASE("CsvReader that is moved to another place forgets what it was in the middle of") {
  CsvReader reader;
  reader.feed("a,\"b");
  CHECK(reader.next() == Found::nothing);
  reader.move_to(100, 7);
  reader.feed("c,d\n");
  REQUIRE(reader.next() == Found::record);
  CHECK(reader.size() == 2);
  CHECK(reader[0] == "c");
  CHECK(reader.line() == 7);
  CHECK(reader.offset() == 104);
}

// SPDX-License-Identifier: BSL-1.0
// What Python's csv and json modules have written, read by ours. The files are made by write_oracle.py.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "fuzz/fuzz.hpp"
#include "penstock/sources/csv.hpp"
#include "penstock/sources/from_jsonl.hpp"

using namespace penstock;

namespace {

/// Where ctest has had the files written.
const char* folder() { return std::getenv("PENSTOCK_TEST_ORACLE"); }

/// A file of netstrings.
class Oracle {
 public:
  explicit Oracle(const std::string& name) {
    std::ifstream in{std::filesystem::path{folder()} / name, std::ios::binary};
    if (!in) FAIL("there is no " << name);
    text_.assign(std::istreambuf_iterator<char>{in}, {});
  }
  std::string text() {
    const std::size_t colon = text_.find(':', at_);
    const std::size_t size = std::stoul(text_.substr(at_, colon - at_));
    at_ = colon + 1 + size + 1;
    return text_.substr(colon + 1, size);
  }
  std::size_t size() { return std::stoul(text()); }
  bool at_end() const { return at_ == text_.size(); }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

/// How files were cut.
struct Cuts {
  std::size_t files = 0;
  std::size_t everywhere = 0;  // of the files: in two, at each of their bytes
  std::size_t readings = 0;

  /// Calls `same(first, piece)` for the text as a whole, byte by byte, in pieces of a few bytes, and when it
  /// is small cut in two at every byte.
  template <class Fn>
  bool however(std::size_t size, std::size_t small, Fn same) {
    const bool each = size <= small;
    bool all = same(size, 1) && same(0, 1) && same(size / 3, 7);
    for (std::size_t cut = 1; all && each && cut < size; ++cut) all = same(cut, size);
    ++files;
    everywhere += each;
    readings += 3 + (each && size > 0 ? size - 1 : 0);
    return all;
  }
};

/// Said in every run, and not only when something is wrong.
void tell(const std::string& what, const Cuts& cuts) {
  std::printf("%s: %zu files, %zu of them cut at every byte, read %zu times\n", what.c_str(), cuts.files,
              cuts.everywhere, cuts.readings);
}

struct Row {
  std::int64_t i = 0;
  double d = 0;
  std::string s;
  std::optional<bool> b;
  std::vector<std::string> v;
  friend bool operator==(const Row&, const Row&) = default;
};
BOOST_DESCRIBE_STRUCT(Row, (), (i, d, s, b, v))

}  // namespace

TEST_CASE("CsvReader reads what Python's csv module writes, cut at every byte") {
  if (!folder()) PENSTOCK_SKIP("PENSTOCK_TEST_ORACLE is not set: tests/sources/write_oracle.py FOLDER makes one");
  Oracle oracle{"csv.oracle"};
  const std::size_t cases = oracle.size();
  std::size_t records = 0;
  std::size_t right = 0;
  Cuts cuts;
  std::map<std::string, std::size_t> styles;
  for (std::size_t n = 0; n < cases; ++n) {
    ++styles[oracle.text()];
    const CsvFormat format{.separator = oracle.text()[0], .quote = oracle.text()[0]};
    const std::string text = oracle.text();
    std::vector<std::vector<std::string>> rows(oracle.size());
    for (auto& row : rows) {
      row.resize(oracle.size());
      for (std::string& field : row) field = oracle.text();
    }
    records += rows.size();
    const bool same = cuts.however(text.size(), 300, [&](std::size_t first, std::size_t piece) {
      CsvReader reader{format};
      std::vector<std::vector<std::string>> got;
      penstock::test::feed_in_pieces(reader, text, first, piece, [&] {
        while (reader.next() == Found::record) {
          got.emplace_back();
          for (std::size_t i = 0; i < reader.size(); ++i) got.back().emplace_back(reader[i]);
        }
      });
      return got == rows && reader.offset() == text.size();
    });
    right += same;
    if (!same) UNSCOPED_INFO("case " << n << ": " << text);
  }
  tell("Python's csv", cuts);
  CHECK(cases == 7000);
  CHECK(right == cases);
  CHECK(styles == std::map<std::string, std::size_t>{
                      {"all", 1750}, {"minimal", 1750}, {"none", 1750}, {"nonnumeric", 1750}});
  CHECK(cuts.everywhere > cases / 2);
  CHECK(records > cases);
  CHECK(oracle.at_end());
}

TEST_CASE("from_jsonl reads what Python's json module writes, cut at every byte") {
  if (!folder()) PENSTOCK_SKIP("PENSTOCK_TEST_ORACLE is not set: tests/sources/write_oracle.py FOLDER makes one");
  Oracle oracle{"jsonl.oracle"};
  const std::size_t cases = oracle.size();
  std::size_t lines = 0;
  std::size_t right = 0;
  Cuts cuts;
  for (std::size_t n = 0; n < cases; ++n) {
    const std::string text = oracle.text();
    std::vector<Row> rows(oracle.size());
    for (Row& row : rows) {
      row.i = std::stoll(oracle.text());
      row.d = std::strtod(oracle.text().c_str(), nullptr);
      row.s = oracle.text();
      if (const std::string b = oracle.text(); b != "None") row.b = b == "True";
      row.v.resize(oracle.size());
      for (std::string& item : row.v) item = oracle.text();
    }
    lines += rows.size();
    detail::JsonlRows<Row> reader{JsonlSource{}};
    const bool all = cuts.however(text.size(), 300, [&](std::size_t first, std::size_t piece) {
      reader.move_to(0, 1);
      std::vector<Row> got;
      BadRow bad;
      penstock::test::feed_in_pieces(reader, text, first, piece, [&] {
        for (Row row; reader.next_row(row, bad) == Found::record; row = {}) got.push_back(std::move(row));
      });
      if (!bad.reason.empty()) UNSCOPED_INFO(bad.reason);
      return got == rows;
    });
    right += all;
    if (!all) UNSCOPED_INFO("case " << n << ": " << text);
  }
  tell("Python's json", cuts);
  CHECK(cases == 3000);
  CHECK(right == cases);
  CHECK(cuts.everywhere > cases / 2);
  CHECK(lines > cases);
  CHECK(oracle.at_end());
}

// SPDX-License-Identifier: BSL-1.0
// What from_jsonl's reader finds does not depend on how the text was cut; and rows that are written again are
// read again.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/src.hpp>

#include "penstock/sinks/sink_to_jsonl.hpp"
#include "penstock/sources/from_jsonl.hpp"

using namespace penstock;

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

struct Row {
  std::optional<std::string> a;
  std::optional<int> b;
  std::optional<double> c;
  std::vector<std::optional<bool>> d;
  bool operator==(const Row&) const = default;
};
BOOST_DESCRIBE_STRUCT(Row, (), (a, b, c, d))

struct Seen {
  Row row;
  BadRow bad;
  std::uint64_t end = 0;
  bool operator==(const Seen&) const = default;
};

std::vector<Seen> read(std::string_view text, std::size_t piece, std::size_t longest) {
  detail::JsonlRows<Row> reader{JsonlSource{.max_record = longest, .missing_names = true}};
  std::vector<Seen> all;
  const auto take_all = [&] {
    for (;;) {
      Seen seen;
      const Found found = reader.next_row(seen.row, seen.bad);
      if (found == Found::nothing) return;
      if (found == Found::damaged) seen.row = {};
      seen.end = reader.offset();
      all.push_back(std::move(seen));
    }
  };
  for (std::size_t at = 0; at < text.size(); at += piece) {
    reader.feed(text.substr(at, piece));
    take_all();
  }
  reader.finish();
  take_all();
  require(reader.offset() == text.size(), "all of the text was read");
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t longest = data[0] % 2 ? 1 + data[0] : std::size_t{1} << 20;
  const std::string_view text{reinterpret_cast<const char*>(data) + 2, size - 2};
  const std::vector<Seen> whole = read(text, text.size() + 1, longest);
  require(read(text, 1 + data[1] % 16, longest) == whole, "cut in pieces it is the same");

  const detail::JsonWriter writer{""};
  std::string again;
  std::vector<Row> rows;
  for (const Seen& seen : whole) {
    if (!seen.bad.reason.empty()) continue;
    if (seen.row.c && !std::isfinite(*seen.row.c)) continue;
    writer.write(seen.row, again);
    again += '\n';
    rows.push_back(seen.row);
  }
  const std::vector<Seen> second = read(again, again.size() + 1, std::size_t{1} << 20);
  require(second.size() == rows.size(), "as many rows are read again");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    require(second[i].row == rows[i], "the same row is read again");
  }
  return 0;
}

// SPDX-License-Identifier: BSL-1.0
// What from_jsonl's reader finds does not depend on how the text was cut; and rows that are written again are
// read again.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/src.hpp>

#include "fuzz/fuzz.hpp"
#include "penstock/sinks/sink_to_jsonl.hpp"
#include "penstock/sources/from_jsonl.hpp"

using namespace penstock;
using namespace penstock::test;

namespace {

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
  feed_in_pieces(reader, text, piece, [&] {
    for (;;) {
      Seen seen;
      const Found found = reader.next_row(seen.row, seen.bad);
      if (found == Found::nothing) return;
      if (found == Found::damaged) seen.row = {};
      seen.end = reader.offset();
      all.push_back(std::move(seen));
    }
  });
  require(reader.offset() == text.size(), "all of the text was read");
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const FuzzInput input{data, size, 2};
  if (!input.complete()) return 0;
  const std::size_t longest = input.limit(0);
  const std::string_view text = input.text();
  const std::vector<Seen> whole = read(text, text.size() + 1, longest);
  require(read(text, 1 + input.choice(1) % 16, longest) == whole, "cut in pieces it is the same");

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

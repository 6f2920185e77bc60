// SPDX-License-Identifier: BSL-1.0
// What CsvReader finds does not depend on how the text was cut; it accounts for every byte; and records that
// are written again are read again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "penstock/sources/csv.hpp"

using namespace penstock;
using namespace penstock::test;

namespace {

struct Seen {
  bool damaged = false;
  std::uint64_t line = 0;
  std::uint64_t end = 0;
  std::string text;
  std::vector<std::string> fields;
  bool operator==(const Seen&) const = default;
};

std::vector<Seen> read(std::string_view text, std::size_t piece, CsvFormat format) {
  CsvReader reader{format};
  std::vector<Seen> all;
  feed_in_pieces(reader, text, piece, [&] {
    for (Found found = reader.next(); found != Found::nothing; found = reader.next()) {
      Seen seen{found == Found::damaged, reader.line(), reader.offset(), std::string(reader.text()), {}};
      if (found == Found::record) {
        for (std::size_t i = 0; i < reader.size(); ++i) seen.fields.emplace_back(reader[i]);
      }
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
  CsvFormat format;
  format.max_record = input.limit(0);
  format.empty_lines = input.choice(1) & 1;
  const std::size_t piece = 1 + input.choice(1) % 16;
  const std::string_view text = input.text();

  const std::vector<Seen> whole = read(text, text.size() + 1, format);
  require(read(text, piece, format) == whole, "cut in pieces it is the same");
  require(read(text, 1, format) == whole, "byte by byte it is the same");

  std::string again;
  std::vector<std::vector<std::string>> records;
  std::uint64_t end = 0;
  for (const Seen& seen : whole) {
    require(seen.end > end, "each record ends behind the one before");
    end = seen.end;
    if (seen.damaged) continue;
    require(!seen.fields.empty(), "a record has a field");
    for (std::size_t i = 0; i < seen.fields.size(); ++i) {
      if (i != 0) again += ',';
      const std::string& field = seen.fields[i];
      const bool only = seen.fields.size() == 1 && field.empty();
      again += only || field.starts_with("\xEF\xBB\xBF") ? "\"" + field + "\"" : csv_field(field);
      if (field.starts_with("\xEF\xBB\xBF") && field.find('"') != std::string::npos) return 0;
    }
    again += '\n';
    records.push_back(seen.fields);
  }
  const std::vector<Seen> second = read(again, again.size() + 1, {});
  require(second.size() == records.size(), "as many records are read again");
  for (std::size_t i = 0; i < second.size(); ++i) {
    require(second[i].fields == records[i], "the same fields are read again");
  }
  return 0;
}

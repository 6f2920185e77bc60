// SPDX-License-Identifier: BSL-1.0
//
// What the readers of files cost beside the least that would do: lines beside std::getline; CSV into structs
// beside a loop with memchr and std::from_chars that knows the columns and trusts the file; JSON lines into
// structs beside Boost.JSON's parser with memory that it uses again. Opening and reading the file are included.
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parser.hpp>

#include "penstock/sources/from_csv.hpp"
#include "penstock/sources/from_jsonl.hpp"
#include "penstock/sources/from_textfile.hpp"
#include "sources/lines.hpp"

namespace bench {
namespace {

enum class Kind { view, cart, purchase };
BOOST_DESCRIBE_ENUM(Kind, view, cart, purchase)
struct Sale {
  std::int64_t id = 0;
  Kind kind{};
  double price = 0;
  std::string session;
  int user = 0;
};
BOOST_DESCRIBE_STRUCT(Sale, (), (id, kind, price, session, user))

struct Line {
  std::int64_t id = 0;
  std::string name;
  std::int64_t value = 0;
};
BOOST_DESCRIBE_STRUCT(Line, (), (id, name, value))

void use(const Sale& sale) {
  consume(sale.id * 4 + static_cast<Value>(sale.kind), static_cast<Value>(sale.price * 100) + sale.user);
  consume(static_cast<Value>(sale.session.size()), sale.session.back());
}
void use(const Line& line) { consume(line.id + line.value, static_cast<Value>(line.name.size())); }

const std::string& sales_file() {
  static const std::string path = [] {
    const std::string file = (std::filesystem::temp_directory_path() / "penstock_bench_sales.csv").string();
    std::ofstream out{file, std::ios::binary};
    out << "id,kind,price,session,user\n";
    std::uint32_t x = 12345;
    const auto step = [&x] { return (x = 1664525 * x + 1013904223) >> 8; };
    for (std::int64_t i = 0; i < lines; ++i) {
      const char* kinds[] = {"view", "cart", "purchase"};
      const unsigned kind = step() % 3;
      const unsigned price = step() % 20000;
      const unsigned user = step();
      char line[120];
      std::snprintf(line, sizeof line, "%lld,%s,%u.%02u,26dd6e6e-4dac-4778-8d2c-%06x,%u\n",
                    static_cast<long long>(5700000 + i), kinds[kind], price / 100, price % 100, step(), user);
      out << line;
    }
    if (!out.flush()) throw std::runtime_error("cannot write " + file);
    return file;
  }();
  return path;
}

/// All of a file at once: the fastest way where there is memory for it.
std::string all_of(const std::string& path) {
  std::string text(std::filesystem::file_size(path), '\0');
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (!file || std::fread(text.data(), 1, text.size(), file) != text.size()) {
    throw std::runtime_error("cannot read " + path);
  }
  std::fclose(file);
  return text;
}

template <class Source>
Pass read(bool counting, Source make) {
  return {[counting, make] {
    const auto source = make();
    source.graph().counting(counting);
    source.start();
  }};
}

Pass getline_by_hand(bool) {
  return {[] {
    std::ifstream file{lines_file()};
    for (std::string line; std::getline(file, line);) consume(static_cast<Value>(line.size()), line.back());
  }};
}
Pass lines_from_file(bool counting) {
  return read(counting, [] {
    const auto source = penstock::from_textfile(lines_file());
    source.sink([](const std::string& line) { consume(static_cast<Value>(line.size()), line.back()); });
    return source;
  });
}

Pass csv_by_hand(bool) {
  return {[] {
    const std::string text = all_of(sales_file());
    const char* at = text.data() + text.find('\n') + 1;
    const char* const end = text.data() + text.size();
    const auto upto = [&](char c) {
      return static_cast<const char*>(std::memchr(at, c, static_cast<std::size_t>(end - at)));
    };
    Sale sale;
    while (at != end) {
      at = std::from_chars(at, end, sale.id).ptr + 1;
      const char* stop = upto(',');
      const std::string_view kind{at, static_cast<std::size_t>(stop - at)};
      sale.kind = kind == "view" ? Kind::view : kind == "cart" ? Kind::cart : Kind::purchase;
      at = std::from_chars(stop + 1, end, sale.price).ptr + 1;
      stop = upto(',');
      sale.session.assign(at, stop);
      at = std::from_chars(stop + 1, end, sale.user).ptr + 1;
      use(sale);
    }
  }};
}
Pass csv_from_file(bool counting) {
  return read(counting, [] {
    const auto source = penstock::from_csv<Sale>(sales_file());
    source.sink([](const Sale& sale) { use(sale); });
    return source;
  });
}

Pass json_by_hand(bool) {
  return {[] {
    const std::string text = all_of(lines_file());
    unsigned char first[16384];
    boost::json::monotonic_resource memory{first};
    boost::json::parser parser;
    Line line;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      memory.release();
      parser.reset(&memory);
      parser.write(text.data() + at, end - at);
      const boost::json::value value = parser.release();
      const boost::json::object& object = value.as_object();
      line.id = object.at("id").as_int64();
      const boost::json::string& name = object.at("name").as_string();
      line.name.assign(name.data(), name.size());
      line.value = object.at("value").as_int64();
      use(line);
      at = end + 1;
    }
  }};
}
Pass json_from_file(bool counting) {
  return read(counting, [] {
    const auto source = penstock::from_jsonl<Line>(lines_file());
    source.sink([](const Line& line) { use(line); });
    return source;
  });
}

const Registration registered{[] {
  add({"lines", "hand1", lines, getline_by_hand});
  add({"lines", "from_textfile", lines, lines_from_file, {{.ratio = 1}}, {.percent = 3}});
  add({"csv", "hand1", lines, csv_by_hand});
  add({"csv", "from_csv", lines, csv_from_file, {{.ratio = 1.5}}, {.percent = 3}});
  add({"jsonl", "hand1", lines, json_by_hand});
  add({"jsonl", "from_jsonl", lines, json_from_file, {{.ratio = 1.2}}, {.percent = 3}});
}};

}  // namespace
}  // namespace bench

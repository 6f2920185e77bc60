// SPDX-License-Identifier: BSL-1.0
#include "penstock/state/snapshot.hpp"

#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"

using namespace penstock;
using namespace penstock::test;

namespace {

/// Written by write_snapshot.py, which knows the format from its description.
std::string fixture(const std::string& name) {
  const std::string tests = std::string(__FILE__).substr(0, std::string(__FILE__).rfind('/'));
  std::ifstream file(tests + "/fixtures/" + name, std::ios::binary);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Account {
  int cents = 0;
};

Snapshot some_snapshot(std::mt19937_64& random) {
  Snapshot snapshot{random(), "from_csv events\n", {}};
  for (std::size_t i = random() % 4; i > 0; --i) {
    std::string bytes(random() % 100, ' ');
    for (char& c : bytes) c = static_cast<char>(random());
    snapshot.entries.push_back({"uid " + std::to_string(i), "map", std::move(bytes)});
  }
  return snapshot;
}

bool same(const Snapshot& a, const Snapshot& b) {
  if (a.epoch != b.epoch || a.graph != b.graph || a.entries.size() != b.entries.size()) return false;
  for (std::size_t i = 0; i < a.entries.size(); ++i) {
    const Snapshot::Entry &one = a.entries[i], &other = b.entries[i];
    if (std::tie(one.uid, one.op, one.bytes) != std::tie(other.uid, other.op, other.bytes)) return false;
  }
  return true;
}

}  // namespace

template <>
struct penstock::Codec<Account> {
  static constexpr std::uint32_t version = 2;
  static void write(StateWriter& to, const Account& account) { to.put(account.cents); }
  static Account read(StateReader& from, std::uint32_t saved_by) { return {from.get<int>() * (saved_by == 1 ? 100 : 1)}; }
};

TEST_CASE("a snapshot comes back as it was, and is the same bytes again") {
  std::mt19937_64 random{1};
  for (int round = 0; round < 500; ++round) {
    const Snapshot snapshot = some_snapshot(random);
    const std::string bytes = encode(snapshot);
    const Snapshot again = decode_snapshot(bytes, "it");
    REQUIRE(same(again, snapshot));
    REQUIRE(encode(again) == bytes);
  }
}

TEST_CASE("a snapshot of format 1 is read, with what its operators have saved") {
  const std::string bytes = fixture("format_1.bin");
  const Snapshot snapshot = decode_snapshot(bytes, "it");
  REQUIRE(snapshot.epoch == 42);
  REQUIRE(snapshot.graph == "from_csv events\naccumulate totals\n");
  REQUIRE(snapshot.entries.size() == 3);
  REQUIRE(snapshot.entries[1].uid == "totals");
  REQUIRE(snapshot.entries[1].op == "accumulate");

  StateReader events{snapshot.entries[0].bytes};
  REQUIRE(events.get<std::string>() == "a.csv");
  REQUIRE(events.get<std::uint64_t>() == 4711);
  events.end();
  StateReader totals{snapshot.entries[1].bytes};
  using Totals = std::map<std::string, std::tuple<std::int64_t, double>>;
  REQUIRE(totals.get<Totals>() == Totals{{"acme", {3, 12.5}}, {"zeta", {-1, 0.25}}});
  StateReader accounts{snapshot.entries[2].bytes};
  REQUIRE(accounts.get<std::vector<Account>>().at(0).cents == 700);

  // And what is written today is what the description says.
  REQUIRE(encode(snapshot) == bytes);
}

TEST_CASE("a snapshot that is cut anywhere is refused") {
  const std::string bytes = fixture("format_1.bin");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    REQUIRE_THROWS_AS(decode_snapshot(std::string_view(bytes).substr(0, size), "it"), StateError);
  }
  REQUIRE_THROWS_WITH(decode_snapshot(bytes + "x", "it"), "it cannot be restored: it goes on behind its end");
  REQUIRE_THROWS_WITH(decode_snapshot(std::string_view(bytes).substr(0, 10), "it"),
                      "it cannot be restored: it ends after 10 bytes, within its head");
  REQUIRE_THROWS_WITH(decode_snapshot(std::string_view(bytes).substr(0, 300), "it"),
                      "it cannot be restored: it ends after 300 bytes, and should have 322");
  REQUIRE_THROWS_WITH(decode_snapshot("", "it"), "it cannot be restored: it is empty");
}

TEST_CASE("a snapshot with any bit flipped is refused") {
  const std::string bytes = fixture("format_1.bin");
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    REQUIRE_THROWS_AS(decode_snapshot(damaged, "it"), StateError);
  }
  std::string damaged = bytes;
  damaged[100] = static_cast<char>(damaged[100] + 1);
  REQUIRE_THROWS_WITH(decode_snapshot(damaged, "it"), "it cannot be restored: it is damaged, as its checksum tells");
}

TEST_CASE("other files and other formats are refused by name") {
  REQUIRE_THROWS_WITH(decode_snapshot(std::string(1000, 'x'), "the file"), "the file cannot be restored: it is no snapshot");
  std::string bytes = fixture("format_1.bin");
  bytes[8] = 2;
  REQUIRE_THROWS_WITH(decode_snapshot(bytes, "it"),
                      "it cannot be restored: it is of format 2, and this program reads format 1");
  bytes[8] = 0;
  REQUIRE_THROWS_WITH(decode_snapshot(bytes, "it"),
                      "it cannot be restored: it is of format 0, and this program reads format 1");
}

// SPDX-License-Identifier: BSL-1.0
// Sources that go on where another run of them was.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/sources/filenames.hpp"
#include "penstock/sources/from_csv.hpp"
#include "penstock/sources/from_jsonl.hpp"
#include "penstock/sources/from_periodic.hpp"
#include "penstock/sources/from_range.hpp"
#include "penstock/sources/from_textfile.hpp"
#include "penstock/testing/virtual_loop.hpp"
#include "temporary_directory.hpp"
#include "time/restored.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using penstock::test::TemporaryDirectory;

namespace {

struct Row {
  std::string name;
  int price = 0;
};
BOOST_DESCRIBE_STRUCT(Row, (), (name, price))

std::string text_of(const std::string& text) { return text; }
std::string text_of(int number) { return std::to_string(number); }
std::string text_of(const std::filesystem::path& path) { return path.filename().string(); }
std::string text_of(const Row& row) { return row.name + std::to_string(row.price); }

using Texts = std::vector<std::string>;

/// Runs what `make(loop or null)` makes until `n` elements have come, which go into `out`, and tells what it remembers then.
template <class Make>
restored::States run(Make make, Loop* loop, const restored::States* from, std::size_t n, Texts& out) {
  auto source = make(loop);
  if (from) restored::load(source.graph(), *from);
  const restored::States again = restored::save(1, source);
  if (from) CHECK(again == *from);  // what was loaded is what would be saved
  std::size_t left = n;
  source.sink([&](const auto& element) {
    out.push_back(text_of(element));
    if (--left == 0) source.stop();
  });
  if (n != 0) source.start();
  if (auto* on = dynamic_cast<VirtualLoop*>(loop)) on->run();
  return restored::save(2, source);
}

/// However it is cut in two, what comes out is what comes out of one run.
template <class Make>
void goes_on(Make make, std::size_t n) {
  for (const bool looped : {false, true}) {
    Texts whole;
    {
      VirtualLoop loop;
      run(make, looped ? &loop : nullptr, nullptr, n + 1, whole);
    }
    REQUIRE(whole.size() == n);
    for (std::size_t cut = 0; cut <= n; ++cut) {
      Texts out;
      restored::States states;
      {
        VirtualLoop loop;
        states = run(make, looped ? &loop : nullptr, nullptr, cut, out);
      }
      CHECK(out.size() == cut);
      VirtualLoop loop;
      run(make, looped ? &loop : nullptr, &states, n + 1, out);
      CHECK(out == whole);
    }
  }
}

std::string why_not(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const StateError& error) {
    return error.what();
  }
  return "";
}

std::string put(const TemporaryDirectory& folder, const std::string& name, const std::string& text) {
  folder.write(name, text);
  return (folder / name).string();
}

}  // namespace

TEST_CASE("a text file goes on behind the last line that was emitted") {
  TemporaryDirectory folder;
  const std::string file = put(folder, "lines.txt", "a\nbb\n\nccc\nd");
  goes_on([&](Loop* loop) { return loop ? from_textfile(*loop, file) : from_textfile(file); }, 5);
}

TEST_CASE("a text file of many blocks goes on in any of them") {
  TemporaryDirectory folder;
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "line number " + std::to_string(i) + "\n";
  const std::string file = put(folder, "lines.txt", text);
  const auto make = [&](Loop*) { return from_textfile(file); };
  for (const std::size_t cut : {1u, 127u, 128u, 129u, 5000u, 19999u, 20000u}) {
    Texts out;
    const restored::States states = run(make, nullptr, nullptr, cut, out);
    run(make, nullptr, &states, 30'000, out);
    REQUIRE(out.size() == 20'000);
    CHECK(out[cut == 20'000 ? 0 : cut] == "line number " + std::to_string(cut == 20'000 ? 0 : cut));
    CHECK(out.back() == "line number 19999");
  }
}

TEST_CASE("a CSV file goes on behind the last row that was emitted, with its header") {
  TemporaryDirectory folder;
  const std::string file = put(folder, "rows.csv", "price,name\n1,a\n2,\"b\nb\"\n3,c\n");
  goes_on([&](Loop* loop) { return loop ? from_csv<Row>(*loop, file) : from_csv<Row>(file); }, 3);
}

TEST_CASE("a JSON lines file goes on behind the last row that was emitted") {
  TemporaryDirectory folder;
  const std::string file =
      put(folder, "rows.jsonl", "{\"name\":\"a\",\"price\":1}\n\n{\"name\":\"b\",\"price\":2}\n{\"name\":\"c\",\"price\":3}\n");
  goes_on([&](Loop* loop) { return loop ? from_jsonl<Row>(*loop, file) : from_jsonl<Row>(file); }, 3);
}

TEST_CASE("a set of files goes on in the file and the row where it was") {
  TemporaryDirectory folder;
  folder.write("1.csv", "name,price\na,1\nb,2\n");
  folder.write("2.csv", "name,price\n");
  folder.write("3.csv", "price,name\n3,c\n4,d\n");
  const std::string where = (folder.path() / "*.csv").string();
  goes_on([&](Loop* loop) { return loop ? from_csv<Row>(*loop, where) : from_csv<Row>(where); }, 4);
}

TEST_CASE("a set of files goes on with files that came while nobody looked") {
  TemporaryDirectory folder;
  folder.write("1.txt", "a\nb\n");
  const FileSet set{folder.path() / "*.txt", {}};
  const auto make = [&](Loop*) { return from_textfile(set); };
  Texts out;
  const restored::States states = run(make, nullptr, nullptr, 1, out);
  folder.write("0.txt", "too late\n");
  folder.write("2.txt", "c\n");
  run(make, nullptr, &states, 10, out);
  CHECK(out == Texts{"a", "b", "c"});
}

TEST_CASE("a set of new files goes on with files that came while nobody looked") {
  TemporaryDirectory folder;
  folder.write("1.txt", "old\n");
  VirtualLoop loop;
  const FileSet set{folder.path() / "*.txt", {.follow = true, .only_new = true}};
  const auto make = [&](Loop*) { return from_textfile(loop, set); };
  Texts out;
  restored::States states;
  {
    auto source = make(nullptr);
    source.start();
    loop.run_for(1s);  // it has looked
    states = restored::save(1, source);
  }
  folder.write("2.txt", "new\n");
  auto source = make(nullptr);
  restored::load(source.graph(), states);
  source.sink([&](const std::string& line) { out.push_back(line); });
  source.start();
  loop.run_for(1s);
  CHECK(out == Texts{"new"});
}

TEST_CASE("a set of new files that had not looked when it was saved leaves out what is there when it looks") {
  for (const bool looks : {false, true}) {
    TemporaryDirectory folder;
    VirtualLoop loop;
    const FileSet set{folder.path() / "*.txt", {.follow = true, .only_new = true}};
    restored::States states;
    {
      auto source = from_textfile(loop, set);
      if (looks) source.start();
      loop.run_for(1s);
      states = restored::save(1, source);
    }
    folder.write("1.txt", "first\n");
    Texts out;
    for (int again = 0; again < 2; ++again) {  // also when the next run is saved before it looks
      auto source = from_textfile(loop, set);
      restored::load(source.graph(), states);
      CHECK(restored::save(2, source) == states);
      source.sink([&](const std::string& line) { out.push_back(line); });
      if (again == 0) continue;
      source.start();
      loop.run_for(1s);
      folder.write("2.txt", "second\n");
      loop.run_for(1s);
    }
    CHECK(out == (looks ? Texts{"first", "second"} : Texts{"second"}));
  }
}

TEST_CASE("a set that was saved without a word on whether it has looked goes on as if it had") {
  TemporaryDirectory folder;
  folder.write("1.txt", "first\n");
  StateWriter to;
  to.put(std::int64_t{0});
  to.put(std::uint64_t{1});
  to.put(std::string{});
  to.put(std::uint64_t{0});
  to.put((folder.path() / "1.txt").string());
  folder.write("2.txt", "second\n");
  const auto source = from_textfile(FileSet{folder.path() / "*.txt", {.only_new = true}});
  restored::load(source.graph(), {to.take()});
  Texts out;
  source.sink([&](const std::string& line) { out.push_back(line); });
  source.start();
  CHECK(out == Texts{"second"});
}

TEST_CASE("a followed file that was replaced by an empty one when it was saved is read from its start") {
  TemporaryDirectory folder;
  const std::string file = put(folder, "rows.csv", "name,price\na,1\nb,2\n");
  VirtualLoop loop;
  Texts out;
  const auto make = [&] {
    auto source = from_csv<Row>(loop, file, {.follow = true});
    source.sink([&](const Row& row) { out.push_back(text_of(row)); });
    return source;
  };
  restored::States states;
  {
    const auto source = make();
    source.start();
    loop.run_for(1s);
    std::filesystem::rename(file, file + ".1");
    folder.write("rows.csv", "");
    loop.run_for(1s);
    CHECK(source.rotations() == 1);
    CHECK(source.position() == RowPosition{});
    states = restored::save(1, source);
  }
  for (const std::string written : {"", "name,price\nc,3\n", "price,name\n4,d\n5,e\n6,f\n7,g\n"}) {
    folder.write("rows.csv", written);
    const auto source = make();
    restored::load(source.graph(), states);
    source.start();
    loop.run_for(1s);
  }
  CHECK(out == Texts{"a1", "b2", "c3", "d4", "e5", "f6", "g7"});
}

TEST_CASE("a file that is shorter, another one or gone is refused with its name and the place") {
  TemporaryDirectory folder;
  const std::string file = put(folder, "lines.txt", "one\ntwo\nthree\n");
  const auto make = [&](Loop*) { return from_textfile(file); };
  Texts out;
  const restored::States states = run(make, nullptr, nullptr, 2, out);
  const auto load = [&] {
    auto source = make(nullptr);
    restored::load(source.graph(), states);
  };
  CHECK(why_not(load) == "");
  folder.write("lines.txt", "one\ntwo\nfour and more\n");  // behind the place it may change
  CHECK(why_not(load) == "");
  folder.write("lines.txt", "one\n");
  CHECK_THAT(why_not(load), Contains(file + " has 4 bytes and does not reach to its byte 8, line 3"));
  folder.write("lines.txt", "new\ntwo\nthree\n");
  CHECK_THAT(why_not(load), Contains(file + " is another file, or was changed, up to its byte 8, line 3"));

  const std::string where = (folder.path() / "*.txt").string();
  const auto make_set = [&](Loop*) { return from_textfile(where); };
  const restored::States in_set = run(make_set, nullptr, nullptr, 2, out);
  folder.write("other.txt", "something\n");
  std::filesystem::remove(file);
  const auto load_set = [&] {
    auto source = make_set(nullptr);
    restored::load(source.graph(), in_set);
  };
  CHECK_THAT(why_not(load_set), Contains(file + " cannot be opened (No such file or directory) to go on at its byte 8, line 3"));
}

TEST_CASE("a last row without an end is not read in two parts when it is completed between two runs") {
  struct Case {
    std::string file;
    std::string added;
    Texts rest;  // none: refused
    std::string delimiter = "\n";
  };
  const std::vector<Case> cases{
      {"a\nb", "", {}},
      {"a\nb", "\n", {}},
      {"a\nb", "\nc\n", {"c"}},
      {"a\nb", "\n\nc", {"", "c"}},
      {"a\nb", "b\nc\n", {"?"}},
      {"a\nb", "\r\nc\n", {"?"}},
      {"a\nb\r", "\nc\n", {"c"}},
      {"a\nb\n", "c\n", {"c"}},
      {"a<>b", "<>c", {"c"}, "<>"},
      {"a<>b<", ">c", {"?"}, "<>"},
      {"a<>b", "<c", {"?"}, "<>"},
      {"a<>b", "<><c<>", {"<c"}, "<>"},
  };
  const auto read = [](bool set, const TemporaryDirectory& folder, const std::string& delimiter) {
    const std::string in = set ? (folder.path() / "*.txt").string() : (folder / "in.txt").string();
    return from_textfile(in, {.delimiter = delimiter});
  };
  for (const bool set : {false, true}) {
    for (const Case& each : cases) {
      INFO(each.file << " and then " << each.added << " in a set: " << set);
      TemporaryDirectory folder;
      const std::string file = put(folder, "in.txt", each.file);
      const auto make = [&](Loop*) { return read(set, folder, each.delimiter); };
      Texts out;
      const restored::States states = run(make, nullptr, nullptr, 100, out);
      folder.append("in.txt", each.added);
      const std::string at = std::to_string(each.file.size());
      const std::string refused = file + ": the row before byte " + at + ", which had no end when it was read, goes on";
      if (each.rest == Texts{"?"}) {
        CHECK_THAT(why_not([&] { restored::load(make(nullptr).graph(), states); }), Contains(refused));
        continue;
      }
      out.clear();
      run(make, nullptr, &states, 100, out);
      CHECK(out == each.rest);
    }
  }
}

TEST_CASE("a last row without an end may be completed while the file is followed, or ends there") {
  TemporaryDirectory folder;
  const std::string file = put(folder, "in.txt", "a<>b");
  Texts out;
  const restored::States states = run([&](Loop*) { return from_textfile(file, {.delimiter = "<>"}); }, nullptr, nullptr, 9, out);
  for (const bool goes_on : {false, true}) {
    folder.write("in.txt", "a<>b");
    VirtualLoop loop;
    auto source = from_textfile(loop, file, {.delimiter = "<>", .follow = true});
    restored::load(source.graph(), states);
    out.clear();
    source.sink([&](const std::string& line) { out.push_back(line); });
    source.start();
    loop.run_for(1s);
    folder.append("in.txt", "<");
    loop.run_for(1s);
    CHECK(out.empty());
    if (goes_on) {
      folder.append("in.txt", "c<>");
      CHECK_THROWS_WITH(loop.run_for(1s), Contains("in.txt: the row before byte 4, which had no end when it was read, goes on"));
      CHECK(source.stopped());
      CHECK(source.position() == 4);
      CHECK(out.empty());
    } else {
      folder.append("in.txt", ">c<>");
      loop.run_for(1s);
      CHECK(out == Texts{"c"});
    }
  }
}

TEST_CASE("a last row of CSV or JSON without an end is not read in two parts") {
  const auto check = [](auto make, const std::string& name, const std::string& start, const std::string& row) {
    for (const std::string end : {"\n", "\r\n"}) {
      for (const bool cut : {false, true}) {  // into the line's end
        TemporaryDirectory folder;
        const std::string file = put(folder, name, start + (cut ? end.substr(0, end.size() - 1) : ""));
        const auto source = [&](Loop*) { return make(file); };
        Texts out;
        const restored::States states = run(source, nullptr, nullptr, 100, out);
        folder.append(name, (cut ? end.substr(end.size() - 1) : end) + row + end);
        run(source, nullptr, &states, 100, out);
        CHECK(out == Texts{"a1", "b2"});
      }
    }
    TemporaryDirectory folder;
    const std::string file = put(folder, name, start);
    const auto source = [&](Loop*) { return make(file); };
    Texts out;
    const restored::States states = run(source, nullptr, nullptr, 100, out);
    folder.append(name, "0\n" + row);
    CHECK_THAT(why_not([&] { restored::load(make(file).graph(), states); }), Contains("goes on"));
  };
  const auto csv = [](const std::string& file) { return from_csv<Row>(file); };
  check(csv, "rows.csv", "name,price\na,1", "b,2");
  check(csv, "rows.csv", "price,name\n1,\"a\"", "2,b");
  const auto json = [](const std::string& file) { return from_jsonl<Row>(file); };
  check(json, "rows.jsonl", R"({"name": "a", "price": 1})", R"({"name": "b", "price": 2})");
}

TEST_CASE("what was read behind bad rows is not emitted again") {
  TemporaryDirectory folder;
  const std::string file = put(folder, "rows.csv", "name,price\na,1\nb,x\nc,3\nd,y\n");
  const auto make = [&](Loop*) {
    auto source = from_csv<Row>(file, {.bad_rows = BadRows::skip});
    return source;
  };
  Texts out;
  const restored::States states = run(make, nullptr, nullptr, 1, out);
  Texts bad;
  auto source = make(nullptr);
  restored::load(source.graph(), states);
  source.sink([&](const Row& row) { out.push_back(text_of(row)); });
  source.bad_rows().sink([&](const BadRow& row) { bad.push_back(row.text); });
  source.start();
  CHECK(out == Texts{"a1", "c3"});
  CHECK(bad == Texts{"b,x", "d,y"});
}

TEST_CASE("a stream that is given has no place to go on from") {
  auto file = std::tmpfile();
  const auto source = from_textfile(file);
  CHECK(source.info().recovery != Recovery::replays);
  CHECK(source.info().state == nullptr);
  std::fclose(file);
}

TEST_CASE("file names that were emitted do not come again, those that came meanwhile do") {
  TemporaryDirectory folder;
  for (const char* name : {"b", "d", "f"}) folder.write(name, "");
  goes_on([&](Loop* loop) { return loop ? filenames(*loop, folder.path()) : filenames(folder.path()); }, 3);

  const auto make = [&](Loop*) { return filenames(folder.path(), {.only_new = false}); };
  Texts out;
  const restored::States states = run(make, nullptr, nullptr, 2, out);
  folder.write("a", "");
  run(make, nullptr, &states, 10, out);
  CHECK(out == Texts{"b", "d", "a", "f"});
}

TEST_CASE("a range goes on at the number where it was") {
  goes_on([](Loop* loop) { return loop ? from_range(*loop, {1, 2, 3, 4, 5}) : from_range({1, 2, 3, 4, 5}); }, 5);
  const std::list<std::string> list{"a", "b", "c"};
  goes_on([&](Loop* loop) { return loop ? from_range(*loop, list) : from_range(list); }, 3);
}

TEST_CASE("a range that has become too short is refused") {
  Texts out;
  const restored::States states = run([](Loop*) { return from_range({1, 2, 3}); }, nullptr, nullptr, 3, out);
  CHECK_THAT(why_not([&] {
               auto source = from_range({1, 2});
               restored::load(source.graph(), states);
             }),
             Contains("3 elements had been emitted, and the range has 2"));
}

TEST_CASE("a periodic source waits for the rest of its interval") {
  VirtualLoop loop;
  int calls = 0;
  const auto make = [&] { return from_periodic(loop, [&] { return ++calls; }, 10s); };
  restored::States states;
  {
    auto source = make();
    source.start();
    loop.run_for(14s);  // at 0 and at 10
    CHECK(calls == 2);
    states = restored::save(1, source);
  }
  loop.run_for(100s);
  auto source = make();
  restored::load(source.graph(), states);
  source.start();
  loop.run_for(5s);
  CHECK(calls == 2);
  loop.run_for(1s);
  CHECK(calls == 3);
}

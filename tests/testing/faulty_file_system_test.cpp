// SPDX-License-Identifier: BSL-1.0
#include "penstock/testing/faulty_file_system.hpp"

#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "catch.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using namespace penstock::test;
using namespace penstock::testing;

namespace {

using Names = std::vector<std::string>;

std::unique_ptr<FileSystem::File> put(FileSystem& files, const std::string& path, const std::string& text) {
  auto file = files.create(path);
  file->write(text);
  return file;
}
int error_of(const std::function<void()>& operation) {
  try {
    operation();
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

}  // namespace

TEST_CASE("the disk in memory and that of the machine do the same") {
  const TemporaryDirectory temporary;
  FaultyFileSystem faulty;
  for (FileSystem* files : {&FileSystem::real(), static_cast<FileSystem*>(&faulty)}) {
    const std::string directory = temporary.path() / "a" / "b";
    files->make_directory(directory);
    files->make_directory(directory);
    auto file = put(*files, directory + "/x", "one");
    file->write("");
    file->write(" two");
    file->sync();
    file->close();
    REQUIRE(files->read(directory + "/x") == "one two");
    put(*files, directory + "/y", "")->close();
    REQUIRE(files->list(directory) == Names{"x", "y"});
    files->rename(directory + "/x", directory + "/y");
    files->sync_directory(directory);
    REQUIRE(files->list(directory) == Names{"y"});
    REQUIRE(files->read(directory + "/y") == "one two");
    {
      const auto lock = files->lock(directory + "/lock", "it");
      REQUIRE_THROWS_WITH(files->lock(directory + "/lock", "it"), containing("it is in use by "));
    }
    static_cast<void>(files->lock(directory + "/lock", "it"));
    files->remove(directory + "/y");
    REQUIRE(files->list(directory) == Names{"lock"});
    REQUIRE(error_of([&] { files->read(directory + "/none"); }) == ENOENT);
    REQUIRE(error_of([&] { files->remove(directory + "/none"); }) == ENOENT);
    REQUIRE(error_of([&] { files->rename(directory + "/none", directory + "/y"); }) == ENOENT);
    REQUIRE(error_of([&] { files->create(directory + "/none/x"); }) == ENOENT);
    REQUIRE(error_of([&] { files->list(directory + "/none"); }) == ENOENT);
  }
}

TEST_CASE("a loss of power takes what was not synced: bytes by the file, names by the directory") {
  FaultyFileSystem files;
  files.make_directory("d");
  const auto synced = put(files, "d/synced", "abc");
  synced->sync();
  synced->write("def");
  put(files, "d/unsynced", "abc");
  files.sync_directory("d");
  const auto nameless = put(files, "d/nameless", "abc");
  nameless->sync();
  files.rename("d/synced", "d/renamed");
  files.lose_power();
  REQUIRE(files.names("d") == Names{"synced", "unsynced"});
  REQUIRE(files.bytes("d/synced") == "abc");
  REQUIRE(files.bytes("d/unsynced") == "");
  REQUIRE_THROWS_AS(synced->write("x"), Died);
}

TEST_CASE("a loss of power may leave any part of what was not synced, and none of what was is missing") {
  std::set<std::string> states;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    FaultyFileSystem files;
    files.make_directory("d");
    const auto file = put(files, "d/a", "12");
    file->sync();
    files.sync_directory("d");
    file->write("34");
    files.rename("d/a", "d/b");
    put(files, "d/c", "").reset();
    files.lose_power(seed);
    const Names names = files.names("d");
    std::string state;
    for (const std::string& name : names) state += name + "=" + files.bytes("d/" + name) + " ";
    states.insert(state);
    const bool renamed = names[0] == "b";
    const std::string bytes = files.bytes(renamed ? "d/b" : "d/a");
    REQUIRE(bytes.starts_with("12"));
    REQUIRE((bytes == "12" || bytes == "123" || bytes == "1234" || bytes == std::string("12\0\0", 4) || bytes == std::string("123\0", 4)));
    // And once it is there it stays.
    files.lose_power();
    REQUIRE(files.names("d") == names);
  }
  // Renamed or not, c or not, five contents.
  REQUIRE(states.size() == 2 * 2 * 5);
}

TEST_CASE("the n-th operation fails, half of a write is done, and what a failed sync has left never gets to the disk") {
  FaultyFileSystem files;
  files.make_directory("d");
  const auto file = files.create("d/x");
  files.sync_directory("d");
  files.fail_at(2, DiskFault::error);
  file->write("1234");
  REQUIRE(error_of([&] { file->write("5678"); }) == EIO);
  REQUIRE(files.bytes("d/x") == "123456");
  files.fail_at(1, DiskFault::error);
  REQUIRE(error_of([&] { file->sync(); }) == EIO);
  file->sync();
  files.lose_power();
  REQUIRE(files.bytes("d/x") == "");
}

TEST_CASE("a late error is told of what is done") {
  FaultyFileSystem files;
  files.make_directory("d");
  put(files, "d/x", "1");
  files.fail_at(1, DiskFault::late_error);
  REQUIRE(error_of([&] { files.rename("d/x", "d/y"); }) == EIO);
  REQUIRE(files.names("d") == Names{"y"});
}

TEST_CASE("a program that has died does nothing until it is started again") {
  FaultyFileSystem files;
  files.make_directory("d");
  const auto lock = files.lock("d/lock", "it");
  const auto file = put(files, "d/x", "1");
  files.fail_at(1, DiskFault::death);
  REQUIRE_THROWS_AS(file->write("2345"), Died);
  REQUIRE_THROWS_AS(files.list("d"), Died);
  REQUIRE_THROWS_AS(file->write("6"), Died);
  files.restart();
  REQUIRE(files.bytes("d/x") == "123");
  REQUIRE_THROWS_AS(file->write("6"), Died);
  static_cast<void>(files.lock("d/lock", "it"));
}

TEST_CASE("a full disk takes what there is room for") {
  FaultyFileSystem files;
  files.make_directory("d");
  files.capacity(5);
  const auto file = files.create("d/x");
  REQUIRE(error_of([&] { file->write("1234567"); }) == ENOSPC);
  REQUIRE(files.bytes("d/x") == "12345");
  files.remove("d/x");
  put(files, "d/y", "12");
  files.fail_at(1, DiskFault::full);
  REQUIRE(error_of([&] { files.create("d/z"); }) == ENOSPC);
  REQUIRE(error_of([&] { files.create("d/z"); }) == ENOSPC);
  files.capacity(100);
  put(files, "d/z", "12");
}

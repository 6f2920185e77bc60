// SPDX-License-Identifier: BSL-1.0
// In which order files are written, synced and renamed. The program's fsync is this one.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/sinks/sink_to_csv.hpp"
#include "penstock/sinks/sink_to_textfile.hpp"
#include "temporary_directory.hpp"
#include "watched_rename.hpp"

namespace {

std::vector<std::string>* calls = nullptr;
std::string failing;  // the next sync of what is called so

std::string name_of(int fd) {
  return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)).filename();
}

}  // namespace

extern "C" int fsync(int fd) {
  if (calls) {
    const std::string name = name_of(fd);
    calls->push_back("sync " + name);
    if (name == failing) {
      failing.clear();
      errno = EIO;
      return -1;
    }
  }
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

using namespace penstock;
using penstock::test::containing;
using penstock::test::TemporaryDirectory;
using Calls = std::vector<std::string>;

namespace {

/// What is called to the end of the block.
class Record {
 public:
  Record() {
    ::calls = &calls;
    penstock::test::before_rename = [](const char* from, const char* to) {
      const std::filesystem::path a{from}, b{to};
      ::calls->push_back("rename " + a.filename().string() + " " + b.filename().string());
      return true;
    };
  }
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;
  ~Record() {
    ::calls = nullptr;
    penstock::test::before_rename = nullptr;
    failing.clear();
  }
  Calls take() { return std::exchange(calls, {}); }

 private:
  Calls calls;
};

}  // namespace

TEST_CASE("an atomic file is synced before it is renamed, and its directory after that") {
  const TemporaryDirectory dir;
  const std::string folder = dir.path().filename();
  Record record;
  {
    const Stream<std::string> source;
    source.sink_to_textfile(dir / "out", {.flush = true, .atomic = true});
    source.emit("a");
    CHECK(record.take().empty());
    source.close();
    CHECK(record.take() == Calls{"sync out.part", "rename out.part out", "sync " + folder});
  }
  const Stream<std::string> source;
  source.sink_to_textfile(dir / "log", {.rotate = {.bytes = 2, .name = "log.{}"}, .atomic = true});
  source.emit("a");
  CHECK(record.take().empty());
  source.emit("b");
  CHECK(record.take() == Calls{"sync log.part", "rename log.part log.1", "sync " + folder});
  source.close();
  CHECK(record.take() == Calls{"sync log.part", "rename log.part log.2", "sync " + folder});
}

TEST_CASE("Sync says when a file is synced") {
  const TemporaryDirectory dir;
  const std::string folder = dir.path().filename();
  Record record;
  const auto run = [&](Flush flush, Sync sync) {
    const Stream<std::string> source;
    source.sink_to_textfile(dir / "out", {.flush = flush, .sync = sync});
    for (int i = 0; i < 4; ++i) source.emit("a");
    Calls before = record.take();
    source.close();
    return std::pair{before, record.take()};
  };
  CHECK(run(true, Sync::never) == std::pair{Calls{}, Calls{}});
  CHECK(run(true, Sync::at_end) == std::pair{Calls{}, Calls{"sync out", "sync " + folder}});
  CHECK(run(Flush::every(2), Sync::at_flush) ==
        std::pair{Calls{"sync out", "sync out"}, Calls{"sync out", "sync " + folder}});
  CHECK(run(false, Sync::at_flush) == std::pair{Calls{}, Calls{"sync out", "sync " + folder}});
}

TEST_CASE("with Sync::at_flush an element is done when it is on the disk, also when the buffer was full") {
  const TemporaryDirectory dir;
  Record record;
  const Stream<std::string> source;
  source.sink_to_textfile(dir / "out", {.sync = Sync::at_flush});
  const Ref ref{[](const Ending&) {}};
  source.emit("a", ref);
  CHECK(ref.use_count() == 2);
  const std::string half(40'000, 'x');
  source.emit(half);
  CHECK(ref.use_count() == 2);
  source.emit(half);
  CHECK(record.take() == Calls{"sync out"});
  CHECK(ref.use_count() == 1);
}

// After a failed fsync the kernel may have dropped what it could not write, and says nothing the second time.
TEST_CASE("after a failed sync an atomic file is never finished, whatever the next sync says") {
  const TemporaryDirectory dir;
  Record record;
  const Stream<std::string> source;
  const Sink sink =
      source.sink_to_textfile(dir / "log", {.rotate = {.bytes = 2, .name = "log.{}"}, .atomic = true});
  const Ref first{[](const Ending&) {}};
  source.emit("a", first);
  failing = "log.part";
  CHECK_THROWS_WITH(source.emit("b"),
                    containing("sink_to_textfile: cannot sync " + (dir / "log.part").string()));
  CHECK(first.outcome() == Outcome::failed);
  CHECK(first.use_count() == 1);
  CHECK_THROWS_WITH(source.emit("c"),
                    containing("sink_to_textfile: cannot finish " + (dir / "log.part").string()));
  CHECK_THROWS_AS(source.close(), std::system_error);
  CHECK(std::filesystem::exists(dir / "log.part"));
  CHECK_FALSE(std::filesystem::exists(dir / "log.1"));
}

TEST_CASE("a directory that cannot be synced is an error, and the next file begins all the same") {
  const TemporaryDirectory dir;
  Record record;
  const Stream<std::string> source;
  source.sink_to_textfile(dir / "out", {.sync = Sync::at_end, .rotate = {.bytes = 2, .name = "out.{}"}});
  source.emit("a");
  failing = dir.path().filename();
  CHECK_THROWS_WITH(source.emit("b"), containing("sink_to_textfile: cannot sync"));
  source.emit("c");
  source.close();
  CHECK(dir.read("out.1") == "a\n");
  CHECK(dir.read("out") == "c\n");
}

// SPDX-License-Identifier: BSL-1.0
#include <fstream>
#include <optional>
#include <system_error>

#include <penstock/sinks/sink_to_textfile.hpp>
#include <penstock/sources/from_textfile.hpp>

#include "soak.hpp"

namespace soak {
namespace {

/// A log that another program writes and rotates, followed.
class FollowedLog final : public Lane {
 public:
  explicit FollowedLog(Run& r) : Lane(r, "followed log, rotated") {
    std::ofstream{path_}.flush();
    penstock::TextSource options;
    options.follow = true;
    options.poll = 20ms;
    source_.emplace(penstock::from_textfile(run.loop, path_, options));
    source_->sink([this](std::string line) { return take(number_of(line)); });
    expect_errors(*source_);
  }

  void start() override {
    source_->start();
    run.begin(write());
  }
  void stop() override { source_->stop(); }

 private:
  Async<> write() {
    std::ofstream log{path_, std::ios::app};
    double until_rotated = uniform(1, 10);
    while (!run.ending) {
      co_await penstock::async_sleep(run.loop, 50ms, awaited);
      for (int i = 0; i < static_cast<int>(run.rate / 20); ++i) log << element(arrivals.send()) << '\n';
      log.flush();
      until_rotated -= 0.05;
      if (until_rotated > 0 || behind()) continue;
      until_rotated = uniform(1, 10);
      // As logrotate does: the old file is read to its end by who follows the name.
      std::filesystem::rename(path_, path_ + ".1");
      log.close();
      log.open(path_, std::ios::app);
      ++disturbed;
    }
  }
  /// One that has not been noticed yet would be overwritten by the next.
  bool behind() const { return arrivals.sent() - arrivals.arrived() > static_cast<std::uint64_t>(run.rate); }

  std::string path_ = (run.directory / "followed.log").string();
  std::optional<penstock::TextFileSource> source_;
};

/// sink_to_textfile that begins a new file all the time; all of them are read as they come, and removed behind the reader.
class RotatedFiles final : public Lane {
 public:
  explicit RotatedFiles(Run& r) : Lane(r, "rotated files") {
    std::filesystem::create_directory(directory_);
    penstock::TextFile options;
    options.flush = penstock::Flush::every(100, 50ms);
    options.rotate.bytes = 300'000;
    options.rotate.every = 5s;
    options.rotate.name = "out.{:09}.log";
    source_ | penstock::sink_to_textfile((directory_ / "current").string(), options);
    expect_errors(source_);

    penstock::TextSource reading;
    reading.follow = true;
    reading.poll = 50ms;
    penstock::FileSet files{directory_ / "out.*.log", {.follow = true, .poll = 50ms}};
    reader_.emplace(penstock::from_textfile(run.loop, files, reading));
    reader_->sink([this](std::string line) { return take(number_of(line)); });
    expect_errors(*reader_);
  }

  void start() override {
    reader_->start();
    run.begin(produce(source_));
    run.begin(disturb(3, [this] {
      if (chance(0.3)) {
        reader_->stop();
        reader_->start();
      }
      remove_what_was_read();
    }));
  }
  void finish() override { run.begin(close()); }
  void stop() override { reader_->stop(); }

 private:
  /// The last file keeps the name under which it was written; as another program would, we give it the next one.
  Async<> close() {
    co_await source_.async_close(awaited);
    std::error_code none_left;
    std::filesystem::rename(directory_ / "current", directory_ / "out.999999999.log", none_left);
  }
  void remove_what_was_read() {
    const std::string now = reader_->place().file;
    std::error_code ignored;
    for (std::filesystem::directory_iterator at{directory_}, end; at != end; ++at) {
      const std::string file = at->path().string();
      if (file.ends_with(".log") && file < now) std::filesystem::remove(file, ignored);
    }
  }

  std::filesystem::path directory_ = run.directory / "rotated";
  Stream<std::string> source_{run.loop};
  std::optional<penstock::TextFileSource> reader_;
};

}  // namespace

std::vector<std::unique_ptr<Lane>> file_lanes(Run& run) {
  std::vector<std::unique_ptr<Lane>> lanes;
  lanes.push_back(std::make_unique<FollowedLog>(run));
  lanes.push_back(std::make_unique<RotatedFiles>(run));
  return lanes;
}

}  // namespace soak

// SPDX-License-Identifier: BSL-1.0
#include <optional>

#include <penstock/connect/process.hpp>
#include <penstock/sources/from_textfile.hpp>

#include "soak.hpp"

namespace soak {
namespace {

/// One program after the other, started by from_process, some of them ended in their midst: what they have written and
/// nobody has read is lost with them.
class Outputs final : public Lane {
 public:
  explicit Outputs(Run& r) : Lane(r, "process, output") {}

  void start() override { run.begin(one_after_the_other()); }
  bool settled() const override { return done_ && Lane::settled(); }
  void stop() override {}
  std::uint64_t lost() const override { return lost_; }

 private:
  Async<> one_after_the_other() {
    while (!run.ending) {
      const auto lines = static_cast<std::uint64_t>(uniform(1, run.rate * 2));
      const std::uint64_t first = arrivals.sent();
      // Numbers only: what is behind them in other lanes is added here.
      const std::vector<std::string> command{"seq", std::to_string(first), std::to_string(first + lines - 1)};
      for (std::uint64_t i = 0; i < lines; ++i) static_cast<void>(arrivals.send());
      const std::uint64_t before = arrivals.arrived();
      std::optional<penstock::ProcessOutput> output;
      output.emplace(penstock::from_process(run.loop, command));
      output->sink([this](std::string line) { return take(std::stoull(line)); });
      expect_errors(*output);
      const bool whole = chance(0.7);
      const std::uint64_t enough = static_cast<std::uint64_t>(uniform(0, static_cast<double>(lines)));
      output->start();
      while (!output->stopped() || (whole && !output->exit_status())) {
        co_await penstock::async_sleep(run.loop, 10ms, awaited);
        if (!whole && arrivals.arrived() - before >= enough) {
          output->stop();
          ++disturbed;
          break;
        }
      }
      // An element that waited in the sink still comes through.
      co_await output->async_wait_idle(awaited);
      const std::uint64_t came = arrivals.arrived() - before;
      if (whole && came != lines) ++wrong;
      lost_ += lines - came;
      const auto pause = std::chrono::duration_cast<Duration>(Seconds{static_cast<double>(lines) / run.rate});
      co_await penstock::async_sleep(run.loop, pause, awaited);
    }
    done_ = true;
  }

  std::uint64_t lost_ = 0;
  bool done_ = false;
};

/// Everything through the input of `cat` and back by its output.
class Inputs final : public Lane {
 public:
  explicit Inputs(Run& r) : Lane(r, "process, input") {}

  void start() override { run.begin(one_after_the_other()); }
  bool settled() const override { return done_ && Lane::settled(); }
  void stop() override {}

 private:
  Async<> one_after_the_other() {
    const std::string file = (run.directory / "cat").string();
    while (!run.ending) {
      const auto lines = static_cast<std::uint64_t>(uniform(1, run.rate * 2));
      {
        Stream<std::string> source{run.loop};
        penstock::ProcessSink options;
        options.out_file = file;
        const std::vector<std::string> command{"cat"};
        source | penstock::sink_to_process(command, options);
        expect_errors(source);
        for (std::uint64_t i = 0; i < lines; ++i) {
          std::string next = element(arrivals.send());
          co_await source.async_emit(std::move(next), awaited);
        }
        co_await source.async_close(awaited);
      }
      ++disturbed;
      auto written = penstock::from_textfile(run.loop, file);
      written.sink([this](std::string line) { return take(number_of(line)); });
      written.start();
      const auto pause = std::chrono::duration_cast<Duration>(Seconds{static_cast<double>(lines) / run.rate});
      co_await penstock::async_sleep(run.loop, pause, awaited);
      co_await written.async_wait_idle(awaited);
    }
    done_ = true;
  }

  bool done_ = false;
};

}  // namespace

std::vector<std::unique_ptr<Lane>> process_lanes(Run& run) {
  std::vector<std::unique_ptr<Lane>> lanes;
  lanes.push_back(std::make_unique<Outputs>(run));
  lanes.push_back(std::make_unique<Inputs>(run));
  return lanes;
}

}  // namespace soak

// SPDX-License-Identifier: BSL-1.0
// The long-run check: sources and sinks of every kind under load for an hour, in one process and on one loop, with
// random disconnects, rotations and slow sinks. Every ten seconds it writes what it uses of memory, file descriptors and
// threads; at the end it compares what went in with what came out. Ends with 1 when something is not as it has to be.
//
//     soak [MINUTES [SEED [RATE [LANE...]]]]
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <limits>
#include <random>
#include <stdexcept>
#include <system_error>

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include "soak.hpp"

namespace soak {

struct Sample {
  double seconds = 0;
  double rss = 0;   // MiB
  double heap = 0;  // MiB in use
  double cpu = 0;   // seconds
  std::uint64_t fds = 0;
  std::uint64_t threads = 0;
};

Sample look(double seconds) {
  Sample sample;
  sample.seconds = seconds;
  std::ifstream status{"/proc/self/status"};
  for (std::string word; status >> word;) {
    std::uint64_t value = 0;
    if (word == "VmRSS:" && status >> value) sample.rss = static_cast<double>(value) / 1024;
    if (word == "Threads:" && status >> value) sample.threads = value;
  }
  for (std::filesystem::directory_iterator at{"/proc/self/fd"}, end; at != end; ++at) ++sample.fds;
  --sample.fds;  // that of looking
  const struct mallinfo2 heap = mallinfo2();
  sample.heap = static_cast<double>(heap.uordblks + heap.hblkhd) / (1024 * 1024);
  sample.cpu = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  return sample;
}

using Lanes = std::vector<std::unique_ptr<Lane>>;

void tell(const Sample& sample, const Lanes& lanes) {
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  std::uint64_t disturbed = 0;
  for (const auto& lane : lanes) {
    in += lane->arrivals.sent();
    out += lane->arrivals.arrived();
    disturbed += lane->disturbed;
  }
  fmt::print("{:>7.0f} {:>9.1f} {:>9.1f} {:>5} {:>8} {:>8.0f} {:>11} {:>11} {:>9}\n", sample.seconds, sample.rss,
             sample.heap, sample.fds, sample.threads, sample.cpu, in, out, disturbed);
  std::fflush(stdout);
}

/// True when the last quarter needs no more than the first one behind the warm-up.
template <class Get>
bool flat(const char* what, const std::vector<Sample>& samples, Get get, double slack) {
  const std::size_t warm = samples.size() / 10;
  const std::size_t quarter = std::max<std::size_t>((samples.size() - warm) / 4, 1);
  double first = 0;
  double last = 0;
  for (std::size_t i = warm; i < samples.size(); ++i) {
    const auto value = static_cast<double>(get(samples[i]));
    if (i < warm + quarter) first = std::max(first, value);
    if (i >= samples.size() - quarter) last = std::max(last, value);
  }
  const bool good = last <= first + slack;
  fmt::print("{:<8} at most {:.1f} in the first quarter behind the warm-up, {:.1f} in the last one: {}\n", what, first, last,
             good ? "flat" : "GROWS");
  return good;
}

Async<> work(Run& run, Lanes& lanes, double minutes, std::vector<Sample>& samples, bool& drained) {
  const auto begin = std::chrono::steady_clock::now();
  const auto passed = [begin] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  fmt::print("{:>7} {:>9} {:>9} {:>5} {:>8} {:>8} {:>11} {:>11} {:>9}\n", "seconds", "RSS MiB", "heap MiB", "fds", "threads",
             "CPU s", "in", "out", "disturbed");
  for (const auto& lane : lanes) lane->start();
  const double every = std::min(10.0, minutes * 60 / 40);
  while (passed() < minutes * 60) {
    const auto pause = std::chrono::duration_cast<Duration>(std::chrono::duration<double>{every});
    co_await penstock::async_sleep(run.loop, pause, awaited);
    samples.push_back(look(passed()));
    tell(samples.back(), lanes);
  }
  run.ending = true;
  co_await penstock::async_sleep(run.loop, 2s, awaited);
  for (const auto& lane : lanes) lane->finish();
  for (int i = 0; i < 1200 && !drained; ++i) {
    co_await penstock::async_sleep(run.loop, 100ms, awaited);
    drained = std::all_of(lanes.begin(), lanes.end(), [](const auto& lane) { return lane->settled(); });
  }
  for (const auto& lane : lanes) lane->stop();
}

bool compare(const Lanes& lanes) {
  bool good = true;
  fmt::print("\n{:<28} {:>11} {:>11} {:>9} {:>8} {:>9} {:>8} {:>6}\n", "lane", "in", "out", "lost", "again", "disturbed",
             "damaged", "wrong");
  for (const auto& lane : lanes) {
    const Arrivals& of = lane->arrivals;
    const bool right = of.arrived() + lane->lost() == of.sent() && of.damaged() == 0 && lane->wrong == 0 &&
                       of.again() <= lane->again_allowed() && of.sent() > 0;
    fmt::print("{:<28} {:>11} {:>11} {:>9} {:>8} {:>9} {:>8} {:>6}  {}\n", lane->name, of.sent(), of.arrived(),
               lane->lost(), of.again(), lane->disturbed, of.damaged(), lane->wrong,
               right ? "in = out + lost" : "WRONG");
    good = good && right;
  }
  return good;
}

int main(int argc, char** argv) {
  const double minutes = argc > 1 ? std::stod(argv[1]) : 60;
  Run run;
  run.seed = argc > 2 ? std::stoull(argv[2]) : std::random_device{}();
  run.rate = argc > 3 ? std::stod(argv[3]) : 1000;
  const std::vector<std::string> only(argv + std::min(argc, 4), argv + argc);

  std::string pattern = (std::filesystem::temp_directory_path() / "penstock-soak-XXXXXX").string();
  if (!mkdtemp(pattern.data())) throw std::system_error(errno, std::generic_category(), "mkdtemp");
  run.directory = pattern;
  struct Remove {
    ~Remove() {
      std::error_code ignored;
      std::filesystem::remove_all(directory, ignored);
    }
    std::filesystem::path directory;
  } remove{run.directory};

  fmt::print("soak: {} minutes, seed {}, {} elements a second and lane\n", minutes, run.seed, run.rate);
  bool good = true;
  {
    Lanes lanes;
    for (auto make : {tcp_lanes, file_lanes, process_lanes, http_lanes, websocket_lanes}) {
      for (auto& lane : make(run)) {
        const auto named = [&](const std::string& part) { return lane->name.find(part) != std::string::npos; };
        if (only.empty() || std::any_of(only.begin(), only.end(), named)) lanes.push_back(std::move(lane));
      }
    }

    std::vector<Sample> samples;
    bool drained = false;
    run.begin(work(run, lanes, minutes, samples, drained));
    while (run.working > 0) {
      try {
        run.loop.run_for(1s);
      } catch (const std::exception& e) {
        ++run.surprises[std::string{"out of the loop: "} + e.what()];
      }
    }
    good = compare(lanes) && drained;
    if (!drained) fmt::print("NOT DRAINED within two minutes\n");

    fmt::print("\n");
    good = flat("RSS", samples, [](const Sample& s) { return s.rss; }, 4) && good;
    good = flat("heap", samples, [](const Sample& s) { return s.heap; }, 3) && good;
    good = flat("fds", samples, [](const Sample& s) { return s.fds; }, 8) && good;
    good = flat("threads", samples, [](const Sample& s) { return s.threads; }, 0) && good;
  }
  if (!run.errors.empty()) fmt::print("\nerrors that disturbances bring with them:\n");
  for (const auto& [words, count] : run.errors) fmt::print("{:>8}  {}\n", count, words);
  if (!run.surprises.empty()) fmt::print("\nSURPRISES:\n");
  for (const auto& [words, count] : run.surprises) fmt::print("{:>8}  {}\n", count, words);
  good = good && run.surprises.empty();
  fmt::print("\nsoak: {}\n", good ? "all is well" : "NOT WELL");
  return good ? 0 : 1;
}

}  // namespace soak

int main(int argc, char** argv) {
  try {
    return soak::main(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "soak: {}\n", e.what());
    return 2;
  }
}

// SPDX-License-Identifier: BSL-1.0
//
// What a snapshot costs: of so many keys, each with a number that is remembered. `on the loop` is the time that elements wait for
// it; `taken` has everything to the point where no loss of power can take it away; `restored` everything until the
// sources may start. A snapshot every 10 s may slow a stream by 5 %: half a second on the loop.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "bench.hpp"
#include "penstock/penstock.hpp"
#include "penstock/state/checkpoints.hpp"

namespace bench {
namespace {

namespace fs = std::filesystem;
using Time = std::chrono::steady_clock;

struct Remember {
  penstock::ValueState<std::int64_t> sum{"sum"};

  void element(const std::int64_t& key, auto& ctx) {
    sum = sum.value_or(0) + key;
    ctx.emit(key);
  }
};

/// A graph that knows every key, and its folder, which goes with it.
class Job {
 public:
  explicit Job(std::int64_t keys) : keys_(keys) {
    fs::remove_all(folder_);
    begin();
    std::vector<std::int64_t> all(static_cast<std::size_t>(keys_));
    std::iota(all.begin(), all.end(), 0);
    source_->emit_all(std::move(all));
    checkpoints_->take();
  }
  ~Job() {
    checkpoints_.reset();
    fs::remove_all(folder_);
  }

  double take() {
    const auto from = Time::now();
    checkpoints_->take();
    return nanoseconds(Time::now() - from);
  }
  double take_on_the_loop() {
    checkpoints_->take();
    return nanoseconds(checkpoints_->stats().barrier_took);
  }
  double restore() {
    checkpoints_.reset();
    source_.reset();
    const auto from = Time::now();
    begin();
    return nanoseconds(Time::now() - from);
  }
  bool restored() const { return checkpoints_->stats().restored != 0; }

 private:
  void begin() {
    loop_.emplace();
    source_.emplace(*loop_);
    source_->key_by([](std::int64_t key) { return key; }).process(Remember{}).named("remembered").sink([](std::int64_t) {});
    penstock::CheckpointOptions options;
    options.directory = folder_;
    options.every = penstock::Duration::zero();
    options.guarantee = penstock::Guarantee::at_most_once;  // keys come by hand
    options.background = false;
    checkpoints_.emplace(*source_, options);
  }
  double nanoseconds(std::chrono::nanoseconds time) const {
    return static_cast<double>(time.count()) / static_cast<double>(keys_);
  }

  std::int64_t keys_;
  fs::path folder_ = fs::temp_directory_path() / "penstock_checkpoint_bench";
  std::optional<penstock::EventLoop> loop_;
  std::optional<penstock::Stream<std::int64_t>> source_;
  std::optional<penstock::Checkpoints> checkpoints_;
};

template <double (Job::*Measure)()>
std::function<Pass(bool)> of(std::int64_t keys) {
  return [keys](bool) {
    struct State {
      std::unique_ptr<Job> job;
      double last = 0;
    };
    auto state = std::make_shared<State>();
    const auto run = [state, keys] {
      if (!state->job) state->job = std::make_unique<Job>(keys);
      state->last = (*state->job.*Measure)();
    };
    const auto wrong = [state]() -> std::string {
      state->job->restore();
      return state->job->restored() ? "" : "nothing was restored";
    };
    return Pass{run, wrong, [state] { return state->last; }};
  };
}

const Registration registered{[] {
  constexpr std::int64_t some = 100'000;
  constexpr std::int64_t many = 1'000'000;
  add({"snapshot of 100 000 keys", "on the loop", some, of<&Job::take_on_the_loop>(some), {{.nanoseconds = 5000}}, {}, Clock::own});
  add({"snapshot of 1 000 000 keys", "taken", many, of<&Job::take>(many), {{.nanoseconds = 5000}}, {}, Clock::own});
  add({"snapshot of 1 000 000 keys", "restored", many, of<&Job::restore>(many), {{.nanoseconds = 5000}}, {}, Clock::own});
}};

}  // namespace
}  // namespace bench

// SPDX-License-Identifier: BSL-1.0
// Your own source: a class that says what comes next. Starting, stopping, waiting for the pipeline, and going
// on after an error are done by its base.
#include <fmt/core.h>

#include <penstock/penstock.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>

using namespace std::chrono_literals;

// A sensor that can be asked every 10 ms and is not always there.
class Sensor final : public penstock::SourceNode<double, Sensor> {
 public:
  explicit Sensor(int readings) : SourceNode(penstock::Info{"sensor"}), readings_(readings) {}

  const char* needs_loop() const noexcept override { return "sensor: asking again"; }
  void on_start() { next_time_ = clock().now(); }

  // The next element; nothing is the end of the stream. `later` asks again at that time.
  std::optional<double> next() {
    if (number_ == readings_) return std::nullopt;
    if (clock().now() < next_time_) return later(next_time_);
    next_time_ += 10ms;
    if (++number_ == 3) throw std::runtime_error("sensor: no answer");
    return 20.0 + number_;
  }

 private:
  int readings_;
  int number_ = 0;
  penstock::TimePoint next_time_{};
};

penstock::Source<double> sensor(penstock::Loop& loop, int readings) {
  return penstock::Source<double>{penstock::detail::make_source(&loop, std::make_unique<Sensor>(readings))};
}

int main() {
  penstock::EventLoop loop;
  auto readings = sensor(loop, 5);
  readings.on_background_error([](std::exception_ptr error, const penstock::Info& where) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& what) {
      fmt::print("{} reported: {}\n", where.label(), what.what());
    }
  });
  readings.sink([](double degrees) { fmt::print("{} degrees\n", degrees); });

  readings.start();
  loop.run();
  fmt::print("stopped: {}\n", readings.stopped());
}

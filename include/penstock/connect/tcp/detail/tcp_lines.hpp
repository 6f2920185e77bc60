// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>

#include "penstock/connect/net/async.hpp"
#include "penstock/connect/net/byte_stream.hpp"
#include "penstock/connect/net/framing.hpp"
#include "penstock/connect/net/gate.hpp"
#include "penstock/connect/tcp/tcp_message.hpp"
#include "penstock/core/ring.hpp"
#include "penstock/sources/source.hpp"

// Not an operator: the frames of one or many connections as a source.

namespace penstock::detail {

/// How connections are read.
struct TcpReading {
  Framing framing;
  std::size_t max_frame;
  Duration idle;  // 0: for ever
};

/// Reads connections and emits their frames. A connection is read again only when the frames that the last
/// reading has brought were emitted and taken. Connections that have frames take turns, a batch each.
template <element T, class Self>
class TcpLines : public SourceNode<T, Self> {
 public:
  const char* needs_loop() const noexcept override { return "from_tcp: sockets"; }

  std::size_t connections() const noexcept { return open_.load(std::memory_order_relaxed); }

  Batch<T>& at_hand() {
    if (stale_) drop_rest();
    if (lot_.empty()) fill();
    emitting_ = !lot_.empty();
    return lot_;
  }
  void used(std::size_t) {
    emitting_ = false;
    if (stale_) return drop_rest();
    if (lot_.empty() && drained_) std::exchange(drained_, nullptr)->gate.open();
  }
  std::optional<T> next() noexcept {
    if (finished_) return std::nullopt;
    return this->nothing_yet();
  }

 protected:
  TcpLines(Info info, OnFailure on_failure, TcpReading reading)
      : TcpLines::SourceNode(std::move(info), on_failure), reading_(std::move(reading)), rows_(most) {}

  /// What became of a connection.
  struct Ended {
    bool orderly = false;     ///< the other side has said that it is through
    std::uint64_t frames = 0;
    std::string problem;      ///< what makes it an error, in words that name the other side; mostly empty
  };

  /// Reads a connection to its end. To be awaited by a coroutine of Sessions: does not touch the node when it
  /// was stopped meanwhile, and says so: nothing.
  Async<std::optional<Ended>> read_all(ByteStream stream) {
    const auto line = std::make_shared<Line>(*this, std::move(stream));
    lines_.push_back(line);
    open_.store(lines_.size(), std::memory_order_relaxed);
    while (!line->over) {
      const std::size_t block = line->block;
      char* const room = line->reader.room(block);
      boost::system::error_code error;
      line->watch();
      const std::size_t n = co_await line->stream.async_read_some(asio::mutable_buffer(room, block),
                                                                  asio::redirect_error(awaited, error));
      if (!line->node) co_return std::nullopt;
      line->watched();
      line->reader.added(n);
      if (n == block) line->block = std::min(largest_block, block * 4);
      if (error == asio::error::eof) line->reader.finish();
      if (error) line->ended = line->too_idle ? "no frame in time" : error.message();
      ready_.push(line);
      this->wake();
      co_await line->gate.async_wait(awaited);
      if (!line->node) co_return std::nullopt;
    }
    std::erase(lines_, line);
    open_.store(lines_.size(), std::memory_order_relaxed);
    Ended ended{line->reader.finished(), line->frames, std::move(line->problem)};
    if (!ended.problem.empty()) ended.problem.insert(0, line->stream.peer() + ": ");
    co_return ended;
  }

  /// No connection will come any more: the stream ends.
  void finish() {
    finished_ = true;
    this->wake();
  }
  void unfinish() noexcept { finished_ = false; }

  /// Gives all connections up, and counts what they have brought and was not emitted.
  void drop_lines() noexcept {
    std::size_t lost = 0;
    for (const std::shared_ptr<Line>& line : lines_) lost += line->leave();
    this->info().drops(lost);
    lines_.clear();
    open_.store(0, std::memory_order_relaxed);
    ready_.clear();
    drained_.reset();
    stale_ = true;
    if (!emitting_) drop_rest();
  }

 private:
  // A turn of a connection has so many frames, or about so many bytes.
  static constexpr std::size_t most = 128;
  static constexpr std::size_t most_bytes = std::size_t{64} * 1024;
  static constexpr std::size_t first_block = std::size_t{4} * 1024;
  static constexpr std::size_t largest_block = std::size_t{64} * 1024;

  struct Line final : Timer {
    Line(TcpLines& n, ByteStream s)
        : node(&n),
          stream(std::move(s)),
          reader(n.reading_.framing, n.reading_.max_frame),
          gate(stream.get_executor()),
          patience(n.reading_.idle) {}

    /// From here on it takes too long.
    void watch() {
      if (node->reading_.idle <= Duration::zero()) return;
      since = node->clock().now();
      node->clock().set(*this, since + patience);
    }
    void watched() {
      if (node->reading_.idle <= Duration::zero()) return;
      this->cancel();
      patience -= std::min(patience, node->clock().now() - since);
    }
    void run() override {
      too_idle = true;
      stream.close();
    }
    /// Returns how many frames are lost.
    std::size_t leave() noexcept {
      node = nullptr;
      this->cancel();
      stream.close();
      gate.open();
      if (over) return 0;
      std::size_t lost = 0;
      while (reader.next() == Found::record) ++lost;
      return lost + (reader.left() != 0);
    }

    TcpLines* node;  // null when it was stopped
    ByteStream stream;
    FrameReader reader;
    Gate gate;
    std::size_t block = first_block;
    std::uint64_t frames = 0;
    Duration patience;
    TimePoint since{};
    std::string ended;  // why nothing more can be read
    std::string problem;
    bool too_idle = false;
    bool over = false;
  };

  void fill() {
    std::size_t n = 0;
    while (n == 0 && !ready_.empty()) {
      std::shared_ptr<Line> line = ready_.pop();
      Found found = Found::record;
      for (std::size_t bytes = 0; n < most && bytes < most_bytes; ++n) {
        found = line->reader.next();
        if (found != Found::record) break;
        bytes += line->reader.frame().size();
        put_frame(rows_[n], line->reader.frame(), line->stream.peer());
      }
      line->frames += n;
      if (n != 0) line->patience = reading_.idle;
      if (found == Found::record) {
        ready_.push(std::move(line));
        break;
      }
      if (found == Found::damaged) line->problem = line->reader.problem();
      const std::size_t left = line->reader.left();
      if (found == Found::nothing && !line->ended.empty() && !line->reader.finished() && left != 0) {
        line->problem = "a frame was cut off behind " + std::to_string(left) + " bytes: " + line->ended;
      }
      if (!line->problem.empty()) this->info().fails();
      line->over = !line->problem.empty() || !line->ended.empty();
      if (n == 0) {
        line->gate.open();
      } else {
        drained_ = std::move(line);
      }
    }
    lot_.next = rows_.data();
    lot_.end = rows_.data() + n;
  }
  void drop_rest() noexcept {
    this->info().drops(static_cast<std::size_t>(lot_.end - lot_.next));
    lot_ = {};
    stale_ = false;
  }

  TcpReading reading_;
  std::vector<std::shared_ptr<Line>> lines_;
  Ring<std::shared_ptr<Line>> ready_;  // those that may have frames
  std::shared_ptr<Line> drained_;      // what it had is being emitted
  std::vector<T> rows_;                // used again and again
  Batch<T> lot_{};
  bool emitting_ = false;
  bool stale_ = false;  // the lot is of connections that were given up
  bool finished_ = false;
  std::atomic<std::size_t> open_{0};
};

}  // namespace penstock::detail

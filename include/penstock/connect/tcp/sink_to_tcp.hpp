// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>

#include "penstock/connect/net/connect.hpp"
#include "penstock/connect/net/framing.hpp"
#include "penstock/connect/net/gate.hpp"
#include "penstock/connect/net/sessions.hpp"
#include "penstock/connect/tcp/reconnect.hpp"
#include "penstock/core/ring.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/exec/sleep.hpp"
#include "penstock/sinks/detail/milestones.hpp"
#include "penstock/sinks/sink_to_textfile.hpp"

namespace penstock {

/// How sink_to_tcp connects and writes.
struct TcpSink {
  Framing framing = Delimited{};                       ///< how messages are told apart
  std::size_t max_frame = std::size_t{1} << 20;        ///< bytes; a longer one is an error
  std::size_t queue = std::size_t{256} << 10;          ///< bytes that wait to be written before elements wait
  bool resend = true;  ///< a frame that a broken connection cut off is written anew; false: it has failed
  bool half_closed = false;                            ///< a server that says it is through still reads
  Retry reconnect = reconnects;  ///< attempts in a row that write no frame, and their pace
  Duration connect_timeout = std::chrono::seconds{10};  ///< for one attempt, with name and TLS
  SecurityPtr security = nullptr;                      ///< TLS, from penstock::tls_client
};

namespace detail {

/// What there is of the sink without the type of the elements: frames in a queue, and who writes them.
class TcpWriter : public Node {
 public:
  const char* needs_loop() const noexcept override { return "sink_to_tcp: a socket"; }
  void added() override { gate_.emplace(AsioLoop::executor_of(clock())); }
  bool busy() const noexcept override { return !marks_.empty() || end_.state() != nullptr; }
  void start() override { go(); }

  void shut_down() noexcept override {
    give_up_link();
    info().drops(marks_.size());
    for (; !marks_.empty(); marks_.pop()) {
      marks_.front().context.drop("the sink was destroyed before the element was written");
    }
    forget_bytes();
    const auto error = std::make_exception_ptr(Stopped(info().label() + ": destroyed with elements in it"));
    std::exchange(full_, {}).settle(error);
    std::exchange(end_, {}).settle(error);
    barriers_.fail(error);
  }

  bool connected() const noexcept { return connected_.load(std::memory_order_relaxed); }
  std::uint64_t connects() const noexcept { return connects_.load(std::memory_order_relaxed); }
  std::uint64_t resent() const noexcept { return resent_.load(std::memory_order_relaxed); }

 protected:
  TcpWriter(Endpoint endpoint, TcpSink options)
      : Node(Info{"sink_to_tcp", endpoint.text(), Shape::sink}),
        endpoint_(std::move(endpoint)),
        options_(std::move(options)),
        writer_(options_.framing, options_.max_frame) {
    info().guarantee = Guarantee::at_most_once;
  }

  Pending* add(std::string_view frame, const Context* context) {
    info().took();
    const std::size_t before = filling_.size();
    try {
      writer_.append(filling_, frame);
    } catch (const FrameError& error) {
      info().fails();
      throw FrameError(std::string("sink_to_tcp: ") + error.what());
    }
    added_ += filling_.size() - before;
    marks_.push(added_, Context::of(context));
    info().holds(marks_.size());
    go();
    if (added_ - written_ <= options_.queue) return nullptr;
    if (!full_.pending()) full_ = Receipt::waiting(strand(), &info(), Why::full);
    return full_.share();
  }

  /// Everything is written, and the other side told that it was all.
  Pending* end() {
    if (!running_) return nullptr;
    if (!end_.state()) end_ = Receipt::waiting(strand(), &info(), Why::sink);
    gate_->open();
    return end_.share();
  }
  /// What was taken so far is written.
  Pending* barrier() { return barriers_.at(added_, done_, strand(), info()); }

 private:
  static constexpr std::chrono::seconds linger{1};  // for the other side to end its direction too

  struct Mark {
    std::uint64_t end;  // of the frame, in all bytes that were ever added
    Context context;
  };
  /// A connection, while it may be used.
  struct Link {
    explicit Link(ByteStream s) : stream(std::move(s)) {}
    void close() noexcept {
      closed = true;
      stream.close();
    }
    ByteStream stream;
    std::string why;
    bool ended = false;   // the other side has said that it is through
    bool closed = false;
  };
  struct Bell final : Timer {
    explicit Bell(TcpWriter& w) noexcept : writer(w) {}
    void run() override {
      if (writer.link_) writer.link_->closed = true;
      writer.gate_->open();
    }
    TcpWriter& writer;
  };

  bool ending() const noexcept { return end_.state() != nullptr; }
  bool work() const noexcept { return !marks_.empty() || ending(); }

  void go() {
    if (!std::exchange(running_, true)) {
      alive_ = std::make_shared<bool>(true);
      sessions_.spawn([this, alive = alive_] { return run(alive); });
    } else {
      gate_->open();
    }
  }
  void give_up_link() noexcept {
    if (!std::exchange(running_, false)) return;
    *alive_ = false;
    bell_.cancel();
    sessions_.cancel();
    if (link_) link_->close();
    link_.reset();
    connected_.store(false, std::memory_order_relaxed);
    gate_->open();
    gate_.emplace(AsioLoop::executor_of(clock()));  // for the next coroutine
  }

  /// While `alive` the node is there and this is its coroutine.
  Async<> run(std::shared_ptr<bool> alive) {
    Backoff backoff{options_.reconnect};
    for (std::size_t failed = 0;;) {
      std::exception_ptr error;
      const std::uint64_t before = done_;
      try {
        ByteStream stream =
            co_await connect(clock(), "sink_to_tcp", endpoint_, options_.security, options_.connect_timeout);
        if (!*alive) co_return;
        connects_.store(connects() + 1, std::memory_order_relaxed);
        connected_.store(true, std::memory_order_relaxed);
        link_ = std::make_shared<Link>(std::move(stream));
        sessions_.spawn([this, alive, link = link_] { return watch(alive, link); });
        co_await write_all(alive, link_);
        if (!*alive) co_return;
        connected_.store(false, std::memory_order_relaxed);
        const std::shared_ptr<Link> link = std::exchange(link_, nullptr);
        link->close();
        if (ending() && marks_.empty()) co_return over();
        error = std::make_exception_ptr(Stopped("sink_to_tcp: " + endpoint_.text() + ": " + link->why));
      } catch (...) {
        error = std::current_exception();
      }
      if (!*alive) co_return;
      rewind(error);
      failed = done_ != before ? 1 : failed + 1;
      if (failed >= options_.reconnect.attempts) co_return give_up(std::move(error));
      boost::system::error_code cancelled;
      co_await async_sleep(clock(), backoff.pause(failed), asio::redirect_error(awaited, cancelled));
      if (!*alive) co_return;
      while (!work()) {
        co_await gate_->async_wait(awaited);
        if (!*alive) co_return;
      }
    }
  }

  Async<> write_all(std::shared_ptr<bool> alive, std::shared_ptr<Link> link) {
    bool said = false;
    while (!link->closed) {
      if (at_ == writing_.size()) {
        writing_.clear();
        at_ = 0;
        std::swap(writing_, filling_);
      }
      if (writing_.empty()) {
        if (ending() && !said) {
          said = true;
          boost::system::error_code error;
          co_await link->stream.async_shutdown(asio::redirect_error(awaited, error));
          if (!*alive) co_return;
          clock().set(bell_, later(clock().now(), linger));
          if (error || link->ended) link->closed = true;
          continue;
        }
        co_await gate_->async_wait(awaited);
        if (!*alive) co_return;
        continue;
      }
      boost::system::error_code error;
      const std::size_t n = co_await link->stream.async_write_some(
          asio::const_buffer(writing_.data() + at_, writing_.size() - at_),
          asio::redirect_error(awaited, error));
      if (!*alive) co_return;
      wrote(n);
      if (error) {
        link->closed = true;
        if (link->why.empty()) link->why = error.message();
      }
    }
    bell_.cancel();
  }

  /// Reads, and has no use for, what the other side says: to hear that it has gone.
  Async<> watch(std::shared_ptr<bool> alive, std::shared_ptr<Link> link) {
    std::array<char, 512> room{};
    boost::system::error_code error;
    while (!error) {
      co_await link->stream.async_read_some(asio::mutable_buffer(room.data(), room.size()),
                                            asio::redirect_error(awaited, error));
      if (!*alive || link != link_) co_return;
    }
    link->ended = true;
    if (error == asio::error::eof && options_.half_closed && !ending()) co_return;
    link->why = error == asio::error::eof ? "the server has ended the connection" : error.message();
    link->close();
    gate_->open();
  }

  void wrote(std::size_t n) {
    at_ += n;
    written_ += n;
    while (!marks_.empty() && marks_.front().end <= written_) {
      done_ = marks_.front().end;
      marks_.pop();
    }
    info().holds(marks_.size());
    if (added_ - written_ <= options_.queue / 2) std::exchange(full_, {}).settle();
    barriers_.reached(done_);
    if (marks_.empty()) graph().rested();
  }

  /// Goes back to where a frame begins: the one that the connection has cut off, or the one behind it.
  void rewind(const std::exception_ptr& error) {
    if (written_ == done_) return;
    std::uint64_t from = done_;
    if (options_.resend) {
      resent_.store(resent() + 1, std::memory_order_relaxed);
    } else {
      from = done_ = marks_.front().end;
      marks_.front().context.fail(error);
      marks_.pop();
      info().fails();
      info().holds(marks_.size());
      barriers_.reached(done_);
    }
    at_ = at_ + static_cast<std::size_t>(from) - static_cast<std::size_t>(written_);
    written_ = from;
  }

  /// The end was reached: the next element connects anew.
  void over() {
    running_ = false;
    std::exchange(end_, {}).settle();
    graph().rested();
  }
  void give_up(std::exception_ptr error) {
    running_ = false;
    info().fails(marks_.size());
    const bool lost = !marks_.empty() || ending();
    for (; !marks_.empty(); marks_.pop()) marks_.front().context.fail(error);
    forget_bytes();
    std::exchange(full_, {}).settle(error);
    std::exchange(end_, {}).settle(error);
    barriers_.fail(error);
    graph().rested();
    if (lost) graph().report(std::move(error), info());  // last: whoever hears of it may end the graph
  }
  void forget_bytes() noexcept {
    writing_.clear();
    filling_.clear();
    at_ = 0;
    written_ = done_ = added_;
    info().holds(0);
  }

  Endpoint endpoint_;
  TcpSink options_;
  FrameWriter writer_;
  std::string filling_;  // frames that came while others are written
  std::string writing_;
  std::size_t at_ = 0;         // of it, so much is written
  std::uint64_t added_ = 0;    // bytes ever
  std::uint64_t written_ = 0;
  std::uint64_t done_ = 0;     // up to here in whole frames
  Ring<Mark> marks_;           // of the frames that are not written whole
  Receipt full_;               // of all who wait for room
  Receipt end_;
  Milestones barriers_;
  bool running_ = false;
  std::shared_ptr<bool> alive_;
  std::shared_ptr<Link> link_;
  std::optional<Gate> gate_;
  Bell bell_{*this};
  std::atomic<bool> connected_{false};
  std::atomic<std::uint64_t> connects_{0};
  std::atomic<std::uint64_t> resent_{0};
  Sessions sessions_{*this};
};

template <element T>
class TcpSinkNode final : public TcpWriter, public Receiver<T, TcpSinkNode<T>> {
 public:
  TcpSinkNode(Endpoint endpoint, TcpSink options) : TcpWriter(std::move(endpoint), std::move(options)) {
    this->port(static_cast<InletBase&>(*this));
  }
  template <class V>
  Pending* take(V&& value, const Context* context) {
    return this->add(std::string_view(std::as_const(value)), context);
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    if (signal.kind == Signal::barrier) return this->barrier();
    return signal.kind == Signal::end ? this->end() : nullptr;
  }
};

}  // namespace detail

/// What sink_to_tcp returns: the sink with its connection.
class TcpSinkHandle : public Sink {
 public:
  explicit TcpSinkHandle(detail::TcpWriter& writer) : Sink(writer) {}

  /// True while there is a connection. From any thread, like the others.
  bool connected() const noexcept { return writer().connected(); }
  /// How often there was one.
  std::uint64_t connects() const noexcept { return writer().connects(); }
  /// How many frames were written anew because a connection had cut them off.
  std::uint64_t resent() const noexcept { return writer().resent(); }

  TcpSinkHandle named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }

 private:
  const detail::TcpWriter& writer() const noexcept { return static_cast<const detail::TcpWriter&>(node()); }
};

/// Connects to a server and writes every element to it as a frame.
///
///     in      -a-b-|
///     server  "a\nb\n" ends
///
/// @param endpoint  `host:port`. It is connected to by `start`, or by the first element.
/// @param options   see TcpSink. Elements are anything that converts to `std::string_view`.
///
/// When the connection breaks it connects again, after a while that grows from attempt to attempt, and goes
/// on with the frame that was not written whole. What the operating system had taken is not known to have
/// arrived: TCP does not tell. At the end of the stream everything is written, the server is told, and it has
/// a second to end its direction too. While there is a connection the loop's `run` does not return: `close`
/// the stream.
///
/// Limits: 256 KiB wait to be written, and the element that goes over that; frames of 1 MiB; 10 attempts in a
/// row that write no frame, 10 seconds for each.
///
/// Back-pressure: waits when full: elements wait while the server does not take what was written.
/// Metadata:      held until the operating system has the whole frame; dropped when the graph ends before.
/// Errors:        FrameError for an element that is too long or has the delimiter in it; when no attempt to
///                connect was left, all elements in the queue have failed, which is reported, and those that
///                wait get it; the next element tries anew.
/// Cost:          a copy into the queue; one write for all that came meanwhile.
/// Recovery:      at_most_once: nobody confirms what is written; elements that come again are written again. A checkpoint waits
///                until what came before it is written.
/// Example:       examples/10_connect/tcp.cpp
/// See also:      from_tcp, from_tcp_client, sink_to_textfile
inline auto sink_to_tcp(Endpoint endpoint, TcpSink options = {}) {
  detail::check_framing("sink_to_tcp", options.framing, options.max_frame);
  detail::check_reconnect("sink_to_tcp", options.reconnect);
  return [endpoint = std::move(endpoint), options = std::move(options)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(text<T>,
                  "sink_to_tcp: the elements must convert to std::string_view; make texts of them with map");
    if constexpr (text<T>) {
      return TcpSinkHandle{
          attach<detail::TcpSinkNode<T>>(stream.stream(), std::move(endpoint), std::move(options))};
    }
  };
}

}  // namespace penstock

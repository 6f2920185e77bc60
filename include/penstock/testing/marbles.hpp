// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/stream.hpp"

namespace penstock::testing {

/// What the characters of a marble text stand for: `{{'a', 10}, {'b', 20}}`. Without a name, the digits stand
/// for the numbers 0 to 9, and characters for themselves.
template <class T>
using Names = std::vector<std::pair<char, T>>;

/// The length of a column of a marble text.
inline constexpr Duration default_tick = std::chrono::milliseconds{1};

/// A stream did not do what a marble text says. The message has the expected text above what came instead.
class MarblesDiffer : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

template <class T>
T marble_value(char c, const Names<T>& names) {
  for (const auto& [name, value] : names) {
    if (name == c) return value;
  }
  if constexpr (std::same_as<T, char>) {
    return c;
  } else if constexpr (std::same_as<T, std::string>) {
    return std::string(1, c);
  } else if constexpr (std::constructible_from<T, int>) {
    if (c >= '0' && c <= '9') return T(c - '0');
  }
  throw std::invalid_argument(std::string{"marbles: '"} + c + "' stands for nothing; name it as in {{'" + c +
                              "', value}}");
}

// Members of a type's own come first, then ranges and tuples of what can be written.
template <class T>
std::string marble_text(const T& value) {
  if constexpr (std::same_as<T, char>) {
    return std::string(1, value);
  } else if constexpr (std::same_as<T, bool>) {
    return value ? "1" : "0";
  } else if constexpr (std::convertible_to<const T&, std::string_view>) {
    return std::string(std::string_view(value));
  } else if constexpr (std::is_arithmetic_v<T>) {
    std::string text = std::to_string(value);
    if constexpr (std::is_floating_point_v<T>) {
      text.erase(text.find_last_not_of('0') + 1);
      if (!text.empty() && text.back() == '.') text.pop_back();
    }
    return text;
  } else if constexpr (requires { value.begin() != value.end(); }) {
    std::string text;
    for (const auto& item : value) text += marble_text(item);
    return text;
  } else if constexpr (requires { std::tuple_size<T>::value; }) {
    return std::apply([](const auto&... items) { return (std::string{} + ... + marble_text(items)); }, value);
  } else if constexpr (requires { value.has_value(); *value; }) {
    return value ? marble_text(*value) : std::string{"_"};
  } else if constexpr (requires { value.value(); }) {
    return marble_text(value.value());
  } else {
    return "?";
  }
}

/// Marble texts differ only in what happens: trailing ticks say nothing.
inline std::string_view without_rest(std::string_view text) {
  while (!text.empty() && (text.back() == '-' || text.back() == ' ')) text.remove_suffix(1);
  return text;
}

template <element T>
class MarbleSource final : public Node, private Timer {
 public:
  MarbleSource(std::string text, Names<T> names, Duration tick)
      : Node(Info{"marbles", text, Shape::source}),
        text_(std::move(text)),
        names_(std::move(names)),
        tick_(tick) {
    this->port(outlet);
  }

  const char* needs_loop() const noexcept override { return "marbles"; }
  void added() override {
    begin_ = clock().now();
    next();
  }
  bool busy() const noexcept override { return column_ < text_.size(); }
  void shut_down() noexcept override {
    cancel();
    column_ = text_.size();
    waits_for_ = {};
  }

  Outlet<T> outlet;

 private:
  void next() {
    while (column_ < text_.size() && text_[column_] == '-') ++column_;
    if (column_ == text_.size()) return graph().rested();
    clock().set(*this, begin_ + tick_ * static_cast<Duration::rep>(column_));
  }

  void run() override {
    const penstock::detail::NodeHandle alive{*this};  // what is emitted may end the graph
    if (waits_for_.error()) graph().report(waits_for_.error(), info());
    waits_for_ = {};
    if (!in_time_) {
      in_time_ = true;
      return next();
    }
    const char c = text_[column_++];
    if (c == '|') {
      waits_for_ = strand().descend([this] { return Receipt{outlet.signal({Signal::end})}; });
      column_ = text_.size();
    } else if (c == '#') {
      graph().report(std::make_exception_ptr(std::runtime_error("marbles: #")), info());
    } else {
      waits_for_ = penstock::detail::deliver(outlet, marble_value(c, names_), Context{}, info());
    }
    if (waits_for_.pending()) {
      in_time_ = false;
      return waits_for_.state()->then(*this);
    }
    next();
  }

  std::string text_;
  Names<T> names_;
  Duration tick_;
  TimePoint begin_{};
  std::size_t column_ = 0;
  bool in_time_ = true;  // false while an element waits and those behind it are late
  Receipt waits_for_;
};

template <class T>
struct MarbleLog {
  explicit MarbleLog(Loop& l, Duration t, Names<T> n)
      : loop(l), begin(l.now()), tick(t), names(std::move(n)) {}

  void write(const std::string& what) {
    const auto column = static_cast<std::size_t>((loop.now() - begin) / tick);
    if (text.size() < column) text.append(column - text.size(), '-');
    text += what;
  }
  void element(const T& value) {
    if constexpr (std::equality_comparable<T>) {
      for (const auto& [name, named] : names) {
        if (named == value) return write(std::string(1, name));
      }
    }
    write(marble_text(value));
  }

  Loop& loop;
  TimePoint begin;
  Duration tick;
  Names<T> names;
  std::string text;
};

template <element T>
class MarbleSink final : public Node, public Receiver<T, MarbleSink<T>> {
 public:
  explicit MarbleSink(std::shared_ptr<MarbleLog<T>> log)
      : Node(Info{"marbles", {}, Shape::sink}), log_(std::move(log)) {
    this->port(static_cast<InletBase&>(*this));
  }
  template <class V>
  Pending* take(V&& value, const Context*) {
    log_->element(value);
    return nullptr;
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    if (signal.kind == Signal::end) log_->write("|");
    return nullptr;
  }

 private:
  std::shared_ptr<MarbleLog<T>> log_;
};

}  // namespace detail

/// A source that plays a marble text: one column one tick, one character one element, `|` the end, `#` an
/// error of the source. The first column is now. An element that has to wait makes those behind it late; what
/// an element throws is reported as background work's errors are.
///
///     VirtualLoop loop;
///     auto source = marbles<int>(loop, "-1-2-3-|");
///     auto words = marbles<std::string>(loop, "-a--b|", {{'a', "one"}, {'b', "two"}});
template <element T = int>
Stream<T> marbles(Loop& loop, std::string text, Names<T> names = {}, Duration tick = default_tick) {
  for (const char c : text) {
    if (c != '-' && c != '|' && c != '#') static_cast<void>(detail::marble_value(c, names));
  }
  auto* graph = new Graph(&loop);
  return Stream<T>{
      graph->add(std::make_unique<detail::MarbleSource<T>>(std::move(text), std::move(names), tick)).outlet};
}

/// Empty when two marble texts say the same, otherwise both of them, one above the other.
inline std::string marbles_differ(std::string_view expected, std::string_view got) {
  if (detail::without_rest(expected) == detail::without_rest(got)) return {};
  return "expected  " + std::string(expected) + "\n     got  " + std::string(got);
}

/// Records a stream as a marble text. An element that takes several columns, such as the `12` of a vector,
/// pushes what follows it to the right when that comes before it is written out; errors of background work in
/// the graph are a `#`.
///
///     Marbles out{source.partition(2)};
///     loop.run();
///     out.expect("---12--34--5|");
///
/// Ranges and tuples are written as their members without anything between, floating point without trailing
/// zeros.
template <element T>
class Marbles {
 public:
  explicit Marbles(const Stream<T>& stream, Names<T> names = {}, Duration tick = default_tick) {
    if (!stream.loop()) penstock::detail::misuse("marbles needs an event loop: give one to the source");
    log_ = std::make_shared<detail::MarbleLog<T>>(*stream.loop(), tick, std::move(names));
    attach<detail::MarbleSink<T>>(stream, log_);
    stream.on_background_error([log = log_](const std::exception_ptr&, const Info&) { log->write("#"); });
  }

  const std::string& text() const noexcept { return log_->text; }
  /// Throws MarblesDiffer when something else came.
  void expect(std::string_view expected) const {
    const std::string differ = marbles_differ(expected, text());
    if (!differ.empty()) throw MarblesDiffer("marbles: the stream did something else\n" + differ);
  }

 private:
  std::shared_ptr<detail::MarbleLog<T>> log_;
};

template <element T>
Marbles(Stream<T>) -> Marbles<T>;
template <element In, class... Steps>
Marbles(const Chain<In, Steps...>&) -> Marbles<typename Chain<In, Steps...>::value_type>;

}  // namespace penstock::testing

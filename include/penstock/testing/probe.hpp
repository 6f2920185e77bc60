// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"
#include "penstock/testing/ledger.hpp"

namespace penstock::testing {

/// An element as a probe saw it. The Refs themselves are not kept, so that a probe does not hold up their
/// end.
template <class T, class Data>
struct Seen {
  T value;
  Duration at{};                          ///< the loop's clock, 0 without a loop
  EventTime event_time = no_event_time;
  std::size_t refs = 0;                   ///< Refs beside the element
  std::vector<Data> data;                 ///< their metadata, of those that carry a `Data`
};

namespace detail {

template <class T, class Data>
struct ProbeLog {
  std::vector<Seen<T, Data>> seen;
  std::vector<Signal> signals;
  std::optional<Ledger> ledger;
};

template <element T, class Data>
class ProbeNode final : public Node, public Receiver<T, ProbeNode<T, Data>> {
 public:
  explicit ProbeNode(std::shared_ptr<ProbeLog<T, Data>> log)
      : Node(Info{"probe", {}, Shape::sink}), log_(std::move(log)) {
    PENSTOCK_KEEPS("Probe", T);
    this->port(static_cast<InletBase&>(*this));
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    info().took();
    Seen<T, Data> seen{std::forward<V>(value), loop() ? loop()->now().time_since_epoch() : Duration{},
                       no_event_time, 0, {}};
    if (context) {
      seen.event_time = context->event_time();
      seen.refs = context->size();
      for (std::size_t i = 0; i < context->size(); ++i) {
        if (const Data* data = (*context)[i].template data<Data>()) seen.data.push_back(*data);
      }
      if (log_->ledger) log_->ledger->saw(context);
    }
    log_->seen.push_back(std::move(seen));
    return nullptr;
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    log_->signals.push_back(signal);
    return nullptr;
  }

 private:
  std::shared_ptr<ProbeLog<T, Data>> log_;
};

}  // namespace detail

/// Ends a stream and records what comes: values, the time by the loop's clock, event times, and the metadata
/// of type `Data` beside each element.
///
///     Probe<int> probe{source.map(twice)};
///     loop.run();
///     probe.values();     // {2, 4, 6}
///     probe.metadata();   // {{1}, {2}, {3}}
///
/// A probe is no handle: it does not keep the graph alive, and can be asked after the graph's end.
template <element T, class Data = std::int64_t>
class Probe {
 public:
  using Record = Seen<T, Data>;

  explicit Probe(const Stream<T>& stream) : log_(std::make_shared<detail::ProbeLog<T, Data>>()) {
    attach<detail::ProbeNode<T, Data>>(stream, log_);
  }
  /// Also enters into `ledger` what comes.
  Probe(const Stream<T>& stream, Ledger ledger) : Probe(stream) { log_->ledger = std::move(ledger); }

  const std::vector<Record>& records() const noexcept { return log_->seen; }
  std::size_t size() const noexcept { return log_->seen.size(); }
  std::vector<T> values() const {
    std::vector<T> values;
    for (const Record& seen : log_->seen) values.push_back(seen.value);
    return values;
  }
  std::vector<Duration> times() const {
    std::vector<Duration> times;
    for (const Record& seen : log_->seen) times.push_back(seen.at);
    return times;
  }
  /// The metadata beside each element.
  std::vector<std::vector<Data>> metadata() const {
    std::vector<std::vector<Data>> metadata;
    for (const Record& seen : log_->seen) metadata.push_back(seen.data);
    return metadata;
  }
  /// The signals, the end among them, in order.
  const std::vector<Signal>& signals() const noexcept { return log_->signals; }
  bool ended() const noexcept {
    for (const Signal& signal : log_->signals) {
      if (signal.kind == Signal::end) return true;
    }
    return false;
  }
  /// Forgets what was recorded.
  void clear() noexcept {
    log_->seen.clear();
    log_->signals.clear();
  }

 private:
  std::shared_ptr<detail::ProbeLog<T, Data>> log_;
};

template <element T>
Probe(Stream<T>) -> Probe<T>;
template <element In, class... Steps>
Probe(const Chain<In, Steps...>&) -> Probe<typename Chain<In, Steps...>::value_type>;

}  // namespace penstock::testing

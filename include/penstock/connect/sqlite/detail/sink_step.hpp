// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "penstock/connect/sqlite/detail/sink_table.hpp"
#include "penstock/connect/sqlite/sqlite_sink.hpp"
#include "penstock/core/managed.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/ops/detail/alarm.hpp"
#include "penstock/state/codec.hpp"

// What the sinks that write into a table of SQLite have in common.

namespace penstock::detail {

/// Keeps rows in memory and writes them in transactions that begin and end at once: one that stays open would keep all
/// others out of the database, a second sink of the same graph among them.
class SqliteSinkStep : public Step, public Managed {
 public:
  template <class In>
  using output = void;

  void place(Node& node, Info& info) noexcept {
    Step::place(node, info);
    if (timing_) timing_->step = this;
    info.state = this;
    info.recovery = Recovery::state;
    info.guarantee = Guarantee::exactly_once;
  }

  /// What could not be written stays, and is tried again with the next checkpoint, or when the sink is destroyed.
  template <class Next>
  Pending* signal(const Signal& signal, Next&) {
    if (signal.kind == Signal::end && !waits()) commit();
    return nullptr;
  }

  void shut_down() noexcept {
    if (timing_) timing_->alarm.cancel();
    try {
      if (!waits()) commit();
    } catch (...) {
      node().graph().report(std::current_exception(), info());
    }
    if (rows_.empty()) return;
    info().drops(rows_.size());
    held_.drop("the sink was destroyed before its rows were committed");
    rows_.clear();
    release();
  }

 protected:
  SqliteSinkStep(const char* who, const std::string& file, std::string table, const std::vector<SqliteColumn>& columns,
                 const SqliteSink& options)
      : time_(options.time_format, who),
        rows_(sqlite_keys(columns)),
        batch_(options.batch),
        every_(options.every),
        timing_(every_ != Duration::zero() ? std::make_unique<Timing>() : nullptr) {
    if (batch_ == 0) bad_argument(std::string{who} + ": a batch has at least one row");
    if (every_ < Duration::zero()) bad_argument(std::string{who} + ": rows are written after a time that is longer than 0");
    if (table.empty()) bad_argument(std::string{who} + ": the table needs a name");
    table_ = std::make_unique<SqliteSinkTable>(who, file, std::move(table), columns, options.vfs, options.busy);
  }

  /// Rows wait for a checkpoint.
  virtual bool waits() const noexcept = 0;

  template <class T>
  void add(const T& row, const Context* context) {
    rows_.add(row, time_);
    if (rows_.size() >= batch_ && !waits()) {
      try {
        commit();
      } catch (...) {
        rows_.take_back();  // the element is refused, and what was taken before it is not
        throw;
      }
      return;
    }
    held_.append(context);
    info().holds(rows_.size());
    if (timing_ && !timing_->alarm.active() && !waits()) arm();
  }
  void commit() {
    if (rows_.empty()) return;
    table().write(rows_, rows_.size(), [] {});
    rows_.clear();
    release();
  }
  void release() noexcept {
    held_.clear();
    info().holds(rows_.size());
  }
  SqliteSinkTable& table() const noexcept { return *table_; }

  TimeText time_;
  SqliteRows rows_;
  Context held_;

 private:
  /// A timer and the way back to the step, which moves until it has its place.
  struct Timing {
    void rang() { step->commit_in_time(); }
    SqliteSinkStep* step = nullptr;
    Alarm<Timing> alarm{*this};
  };
  void arm() {
    Loop* loop = node().loop();
    if (!loop) misuse(info().needs_loop, " needs an event loop: give one to the source");
    loop->set(timing_->alarm, later(loop->now(), every_));
  }
  void commit_in_time() {
    if (waits()) return;
    try {
      commit();
    } catch (...) {
      arm();  // again after the same time
      node().graph().report(std::current_exception(), info());
    }
  }

  std::size_t batch_;
  Duration every_;
  std::unique_ptr<SqliteSinkTable> table_;
  std::unique_ptr<Timing> timing_;
};

/// @param by_time  the start of the sentence that such a sink needs an event loop.
inline Info sqlite_info(const char* who, const char* by_time, const std::string& file, const std::string& table,
                        const SqliteSink& options) {
  Info info{who, file + ", " + table, Shape::sink};
  if (options.every != Duration::zero()) info.needs_loop = by_time;
  return info;
}

}  // namespace penstock::detail

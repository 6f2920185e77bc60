// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/observe/stats.hpp"

namespace penstock {

/// One operator in words: `partition: 2`, and with a name `pairs; partition: 2`.
template <class = void>
std::string describe(const OperatorStats& stats) {
  std::string text = stats.name.empty() ? stats.op : stats.name + "; " + stats.op;
  if (!stats.detail.empty()) text += ": " + stats.detail;
  return text;
}
template <class = void>
std::string describe(const Info& info) {
  OperatorStats stats;
  stats.op = info.op;
  stats.detail = info.detail;
  stats.name = info.name;
  return describe(stats);
}

namespace detail {

/// ISO 8601, to the second or as many digits as it takes. The calendar is that of Howard Hinnant's "chrono-Compatible Low-Level
/// Date Algorithms"; <chrono> has it too, but would cost everybody who includes the core.
template <class = void>
std::string describe_time(EventTime time) {
  constexpr EventTime second = 1'000'000;
  constexpr EventTime day = 86'400 * second;
  const EventTime days = time / day - (time % day < 0);
  const EventTime in_day = time - days * day;
  const EventTime shifted = days + 719'468;  // since March 1 of year 0
  const EventTime era = (shifted >= 0 ? shifted : shifted - 146'096) / 146'097;
  const EventTime of_era = shifted - era * 146'097;
  const EventTime year = (of_era - of_era / 1'460 + of_era / 36'524 - of_era / 146'096) / 365;
  const EventTime of_year = of_era - (365 * year + year / 4 - year / 100);
  const EventTime month = (5 * of_year + 2) / 153;  // from March on
  const auto padded = [](EventTime number, std::size_t width) {
    const std::string digits = std::to_string(number);
    return digits.size() < width ? std::string(width - digits.size(), '0') + digits : digits;
  };
  std::string text = padded(year + era * 400 + (month >= 10), 4) + '-' + padded(month < 10 ? month + 3 : month - 9, 2) + '-' +
                     padded(of_year - (153 * month + 2) / 5 + 1, 2) + 'T' + padded(in_day / second / 3600, 2) + ':' +
                     padded(in_day / second / 60 % 60, 2) + ':' + padded(in_day / second % 60, 2);
  if (const EventTime rest = in_day % second; rest != 0) text += '.' + padded(rest, 6);
  return text + 'Z';
}
/// Seconds, to the millisecond.
inline std::string describe_span(EventTime span) {
  const std::string milliseconds = std::to_string(1000 + span / 1000 % 1000);
  return std::to_string(span / 1'000'000) + '.' + milliseconds.substr(1) + " s";
}

template <class = void>
std::string describe_counters(const OperatorStats& stats) {
  std::string text;
  const auto add = [&text](const char* what, std::uint64_t number) {
    text += (text.empty() ? "" : ", ") + std::string{what} + ' ' + std::to_string(number);
  };
  const auto add_unless_0 = [&add](const char* what, std::uint64_t number) {
    if (number != 0) add(what, number);
  };
  if (!stats.counting) return text;
  if (stats.in) add("in", *stats.in);
  if (stats.out) add("out", *stats.out);
  add_unless_0("left out", stats.left_out);
  add_unless_0("dropped", stats.dropped);
  add_unless_0("failed", stats.failed);
  add_unless_0("held", stats.held);
  add_unless_0("waiting", stats.waiting);
  add_unless_0("late errors", stats.late_errors);
  add_unless_0("saved bytes", stats.saved);
  if (!stats.time) return text;
  const EventTimeStats& time = *stats.time;
  if (time.frontier != no_frontier) text += ", frontier " + describe_time(time.frontier);
  if (time.lag()) text += ", lag " + describe_span(*time.lag());
  add_unless_0("windows", time.windows);
  add_unless_0("entries", time.entries);
  add_unless_0("timers", time.timers);
  add_unless_0("late", time.late);
  add_unless_0("too late", time.late_dropped);
  add_unless_0("too far ahead", time.ahead);
  return text;
}

/// Columns on a terminal, near enough: code points.
inline std::size_t width(std::string_view text) {
  std::size_t n = 0;
  for (const char c : text) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return n;
}

template <class = void>
class Tree {
 public:
  explicit Tree(const GraphSnapshot& snapshot) : snapshot_(snapshot), behind_(snapshot.operators.size()) {
    below_.resize(snapshot.operators.size(), nothing);
    for (const EdgeStats& edge : snapshot.edges) {
      if (edge.fused && !edge.branch) {
        below_[edge.from] = edge.to;
      } else {
        behind_[edge.from].push_back(edge.to);
      }
    }
    number_references();
    std::vector<bool> seen(snapshot.operators.size());
    for (std::size_t i = 0; i < snapshot.operators.size(); ++i) {
      if (!seen[i] && (i == 0 || snapshot.operators[i].node != snapshot.operators[i - 1].node)) tell(i, seen);
    }
  }

  std::string text() const {
    std::size_t column = 0;
    for (const Line& line : lines_) {
      const std::size_t needed = line.counters.empty() ? 0 : width(line.text) + 2;
      if (column < needed) column = needed;
    }
    std::string text;
    for (const Line& line : lines_) {
      text += line.text;
      if (!line.counters.empty()) text += std::string(column - width(line.text), ' ') + line.counters;
      text += '\n';
    }
    return text;
  }

 private:
  struct Line {
    std::string text;
    std::string counters;
  };
  struct Open {
    std::size_t at;
    std::string before;  // what stands left of the branch
    bool root;
    bool last;
  };

  // Only what is told of twice needs a number to be found again.
  void number_references() {
    numbers_.resize(snapshot_.operators.size());
    std::vector<bool> seen(snapshot_.operators.size());
    std::vector<bool> twice(snapshot_.operators.size());
    for (std::size_t i = 0; i < snapshot_.operators.size(); ++i) {
      for (std::size_t to : behind_[i]) {
        twice[to] = twice[to] || seen[to] || to <= i;
        seen[to] = true;
      }
    }
    std::size_t next = 1;
    for (std::size_t i = 0; i < twice.size(); ++i) {
      if (twice[i]) numbers_[i] = " #" + std::to_string(next++);
    }
  }

  void tell(std::size_t root, std::vector<bool>& seen) {
    std::vector<Open> open{{root, "", true, true}};
    while (!open.empty()) {
      const Open here = std::move(open.back());
      open.pop_back();
      const std::string branch = here.root ? "" : here.before + (here.last ? "└─ " : "├─ ");
      std::size_t i = here.at;
      if (seen[i]) {
        lines_.push_back({branch + "→ " + snapshot_.operators[i].label() + numbers_[i], ""});
        continue;
      }
      // The steps of a chain stand below each other; a new branch is drawn where a new node begins.
      const std::string below = here.root ? "" : here.before + (here.last ? "   " : "│  ");
      for (;; i = below_[i]) {
        seen[i] = true;
        const OperatorStats& stats = snapshot_.operators[i];
        lines_.push_back({(i == here.at ? branch : below) + describe(stats) + numbers_[i], describe_counters(stats)});
        if (below_[i] == nothing) break;
      }
      for (std::size_t b = behind_[i].size(); b-- > 0;) {
        open.push_back({behind_[i][b], below, false, b + 1 == behind_[i].size()});
      }
    }
  }

  static constexpr auto nothing = static_cast<std::size_t>(-1);
  const GraphSnapshot& snapshot_;
  std::vector<std::vector<std::size_t>> behind_;  // branches
  std::vector<std::size_t> below_;                // the next step of the chain
  std::vector<std::string> numbers_;
  std::vector<Line> lines_;
};

}  // namespace detail

/// The whole graph as a text tree. Sources first; what is behind an operator is a branch below it, in the
/// order in which it was written; steps that were fused into one node stand below each other without a
/// branch, but for those behind a tee. An operator that is reached a second time is a reference, `→ zip #1`.
/// Beside each operator, while the graph counts: elements in and out, and what was left out, dropped, failed,
/// is held or waits, where there is any.
///
///     numbers; Stream      out 6
///     ├─ map               in 6, out 6
///     │  sink              in 6
///     └─ partition: 4      in 6, out 1, held 2
///        └─ sink           in 1
///
/// The text is the same for the same graph. From any thread, as `snapshot` says.
template <class>
std::string describe(const Graph& graph) {
  return detail::Tree<>{snapshot(graph)}.text();
}
template <class = void>
std::string describe(const Handle& handle) {
  return describe<>(handle.graph());
}

}  // namespace penstock

// SPDX-License-Identifier: BSL-1.0
#include <cstdio>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "contract/contract.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/ops/tap.hpp"
#include "penstock/sinks/print.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/sinks/sink_to_csv.hpp"
#include "penstock/sinks/sink_to_jsonl.hpp"
#include "penstock/sinks/sink_to_textfile.hpp"
#include "penstock/sinks/sink_to_vector.hpp"

using namespace penstock;
using namespace penstock::test;

// Ends of streams.

namespace {

/// What no sink claims, also one that makes its emitter wait.
Contract ends(Contract contract) {
  return contract.without(Check::metadata, "nothing comes out of it")
      .without(Check::signals, "nothing comes out of it")
      .without(Check::rewired, "nothing comes out of it");
}

/// An element that is a line of text, and has arrived when it is read as one.
template <class T, class Read>
struct Line {
  operator std::string_view() const {
    read(element);
    return "line";
  }
  T element;
  mutable Read read;
};
template <class T, class Read>
Line(T, Read) -> Line<T, Read>;

/// Where what is printed goes.
std::FILE* null_device() {
  static std::FILE* const file = std::fopen("/dev/null", "w");
  return file;
}

/// The same for a sink of rows: one field, which has arrived when it is written.
template <class T, class Read>
struct Cell {
  T element;
  mutable Read read;
};
template <class T, class Read>
Cell(T, Read) -> Cell<T, Read>;

/// Rows are made of elements right before `sink`, so what stands there counts what comes in.
Contract writes_rows(Contract contract) {
  contract.claims.counts_input = false;  // behind map it takes what map passes on
  contract.claims.moves = 4;             // into map's argument, the field, the row, and the row's place
  contract.ends_here();
  return contract;
}

}  // namespace

template <class T, class Read>
struct penstock::field_traits<Cell<T, Read>> {
  static const char* read(std::string_view, Cell<T, Read>&) { return "is only written"; }
  static void write(const Cell<T, Read>& cell, std::string& into) {
    cell.read(cell.element);
    into += "field";
  }
};

template <class T, class Read>
struct fmt::formatter<Line<T, Read>> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const Line<T, Read>& line, Context& context) const {
    return fmt::formatter<std::string_view>::format(line, context);
  }
};

CONTRACT(sink) {
  const auto wire = [](auto& s) {
    return s.source().sink(s.calls([&s](const auto& x) { s.arrived(x); }));
  };
  Contract contract{"sink", wire};
  contract.claims.moves = 0;
  contract.ends_here();
  return contract;
}
CONTRACT(sink_to_vector) {
  const auto wire = [](auto& s) {
    return s.source().tap([&s](const auto& x) { s.arrived(x); }).sink_to_vector();
  };
  Contract contract{"sink_to_vector", wire};
  contract.claims.counts_input = false;  // behind tap it takes what tap passes on
  contract.claims.moves = 3;             // the vector grows
  contract.ends_here();
  return contract.without(Check::function_throws, "takes no function");
}
CONTRACT(sink_to_textfile) {
  const auto wire = [](auto& s) {
    auto read = s.calls([&s](const auto& x) { s.arrived(x); });
    return s.source().map([read](auto x) { return Line{std::move(x), read}; }).sink_to_textfile("/dev/null");
  };
  Contract contract{"sink_to_textfile", wire};
  contract.claims.counts_input = false;  // behind map it takes what map passes on
  contract.claims.moves = 2;             // into map's argument, and into the line
  contract.ends_here();
  return contract;
}
CONTRACT(sink_to_textfile_flushed) {
  // Elements are held until the third of them.
  const auto wire = [](auto& s) {
    auto read = s.calls([&s](const auto& x) { s.arrived(x); });
    return s.source()
        .map([read](auto x) { return Line{std::move(x), read}; })
        .sink_to_textfile("/dev/null", {.flush = Flush::every(3)});
  };
  Contract contract{"sink_to_textfile flush", wire};
  contract.claims.counts_input = false;
  contract.claims.moves = 2;
  contract.ends_here();
  return contract.without(Check::ref_held, "what it holds is written when it is destroyed, and done");
}
CONTRACT(print) {
  const auto wire = [](auto& s) {
    auto read = s.calls([&s](const auto& x) { s.arrived(x); });
    return s.source().map([read](auto x) { return Line{std::move(x), read}; }).print(null_device());
  };
  Contract contract{"print", wire};
  contract.claims.counts_input = false;
  contract.claims.moves = 2;
  contract.ends_here();
  return contract;
}
CONTRACT(sink_to_csv) {
  const auto wire = [](auto& s) {
    auto read = s.calls([&s](const auto& x) { s.arrived(x); });
    return s.source()
        .map([read](auto x) {
          return std::tuple{Cell{std::move(x), read}};
        })
        .sink_to_csv("/dev/null");
  };
  return writes_rows(Contract{"sink_to_csv", wire});
}
CONTRACT(sink_to_jsonl) {
  const auto wire = [](auto& s) {
    auto read = s.calls([&s](const auto& x) { s.arrived(x); });
    return s.source()
        .map([read](auto x) {
          return std::tuple{Cell{std::move(x), read}};
        })
        .sink_to_jsonl("/dev/null");
  };
  return writes_rows(Contract{"sink_to_jsonl", wire});
}
CONTRACT(sink_receipt) {
  Contract contract{"sink receipt", [](auto& s) { return s.source().sink(s.worker()); }};
  contract.claims.moves = 1;
  return ends(contract);
}
CONTRACT(sink_completion) {
  // Hands the Completion to whoever does the work, as a driver with callbacks does.
  const auto wire = [](auto& s) {
    struct Settles final : Task {
      Settles(Receipt r, Completion<> d) : receipt(std::move(r)), done(std::move(d)) {}
      void run() override {
        done(receipt.error());
        delete this;
      }
      void discard() noexcept override { delete this; }
      Receipt receipt;
      Completion<> done;
    };
    return s.source().sink([work = s.worker()](const auto& x, Completion<> done) mutable {
      const Receipt receipt = work(x);
      if (!receipt.pending()) return done();
      receipt.state()->then(*new Settles(receipt, std::move(done)));
    });
  };
  Contract contract{"sink completion", wire};
  contract.claims.moves = 1;
  return ends(contract);
}

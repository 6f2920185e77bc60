// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "penstock/core/context.hpp"

namespace penstock::testing {

/// Keeps book of elements by their ids: each is issued with a Ref and ends exactly once. After the graph has
/// come to rest or is gone every id is in exactly one of: emitted (done, and seen at an end), left out (done,
/// and seen nowhere), dropped, and failed.
///
///     Ledger ledger;
///     for (int i = 0; i < 10; ++i) source.emit(i, ledger.issue(i));
///     ledger.check();   // throws when an id is open, ended twice, or is unknown
///
/// Ends tell it what they see: `ledger.saw(context)`; Probe and ScriptedSink do when they are given one. A
/// copy is the same book, and a Ref may outlive it.
class Ledger {
 public:
  using Id = std::int64_t;

  struct Entry {
    std::size_t endings = 0;
    std::size_t seen = 0;  ///< elements at ends that it was part of
    Outcome outcome = Outcome::done;
    std::exception_ptr error;
    std::string reason;
  };

  /// The Ref to emit the element `id` with. Its data is the id.
  Ref issue(Id id) {
    const auto [place, fresh] = book_->entries.try_emplace(id);
    if (!fresh) book_->problems += "id " + std::to_string(id) + " was issued twice\n";
    return Ref{[book = book_, id](const Ending& ending) { book->end(id, ending); }, id};
  }

  /// An element that came with `context` has reached an end.
  void saw(const Context* context) {
    for (const Id id : ids(context)) saw(id);
  }
  void saw(Id id) {
    const auto found = book_->entries.find(id);
    if (found == book_->entries.end()) {
      book_->problems += "id " + std::to_string(id) + " was seen and never issued\n";
    } else {
      ++found->second.seen;
    }
  }
  /// The ids that an element was made of, in order.
  static std::vector<Id> ids(const Context* context) {
    std::vector<Id> found;
    for (std::size_t i = 0; context && i < context->size(); ++i) {
      if (const Id* id = (*context)[i].data<Id>()) found.push_back(*id);
    }
    return found;
  }

  const std::map<Id, Entry>& entries() const noexcept { return book_->entries; }
  const Entry& operator[](Id id) const { return book_->entries.at(id); }
  std::size_t size() const noexcept { return book_->entries.size(); }

  std::vector<Id> emitted() const {
    return where([](const Entry& e) { return e.endings != 0 && e.outcome == Outcome::done && e.seen != 0; });
  }
  std::vector<Id> left_out() const {
    return where([](const Entry& e) { return e.endings != 0 && e.outcome == Outcome::done && e.seen == 0; });
  }
  std::vector<Id> dropped() const {
    return where([](const Entry& e) { return e.endings != 0 && e.outcome == Outcome::dropped; });
  }
  std::vector<Id> failed() const {
    return where([](const Entry& e) { return e.endings != 0 && e.outcome == Outcome::failed; });
  }
  /// Issued, and not ended yet.
  std::vector<Id> open() const {
    return where([](const Entry& e) { return e.endings == 0; });
  }

  /// What is wrong with the book, a line each; empty when it balances. Ids that are still open are no problem
  /// here.
  std::string problems() const {
    std::string text = book_->problems;
    for (const auto& [id, entry] : book_->entries) {
      if (entry.endings > 1) {
        text +=
            "the Ref of id " + std::to_string(id) + " ended " + std::to_string(entry.endings) + " times\n";
      }
    }
    return text;
  }
  /// Throws std::logic_error when the book has problems or an id is open.
  void check() const {
    std::string text = problems();
    for (const Id id : open()) text += "the Ref of id " + std::to_string(id) + " has not ended\n";
    if (!text.empty()) throw std::logic_error("ledger: " + text);
  }

 private:
  struct Book {
    void end(Id id, const Ending& ending) {
      Entry& entry = entries[id];
      ++entry.endings;
      entry.outcome = ending.outcome;
      entry.error = ending.error;
      if (ending.reason) entry.reason = ending.reason;
      if (ending.outcome == Outcome::failed && !ending.error) {
        problems += "id " + std::to_string(id) + " failed without an exception\n";
      }
      if (ending.outcome == Outcome::dropped && entry.reason.empty()) {
        problems += "id " + std::to_string(id) + " was dropped without a reason\n";
      }
    }
    std::map<Id, Entry> entries;
    std::string problems;
  };

  template <class Predicate>
  std::vector<Id> where(Predicate predicate) const {
    std::vector<Id> found;
    for (const auto& [id, entry] : book_->entries) {
      if (predicate(entry)) found.push_back(id);
    }
    return found;
  }

  std::shared_ptr<Book> book_ = std::make_shared<Book>();
};

}  // namespace penstock::testing

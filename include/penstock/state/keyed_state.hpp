// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/loop.hpp"

// Not an operator: what a function remembers of each key; see process.

namespace penstock {

/// Which time a timer or a time to live goes by.
enum class TimeDomain : std::uint8_t {
  event,      ///< the frontier: the same input has the same results
  processing  ///< the clock of the loop
};

/// Of a state.
struct StateOptions {
  Duration time_to_live{0};  ///< it ends that long after it was last written; 0: only `clear` ends it
  TimeDomain domain = TimeDomain::event;
};

namespace detail {

/// Behind all times: of what does not end by itself.
inline constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

/// What is kept of one state for one key.
template <class Content>
struct StateCell {
  Content content{};
  std::int64_t ends = never;

  bool empty() const noexcept {
    if constexpr (requires { content.has_value(); }) {
      return !content.has_value();
    } else {
      return content.empty();
    }
  }
};

/// What all states have in common: which key's turn it is, and whether the function has written.
template <class Content>
class KeyedState {
 public:
  using Cell = StateCell<Content>;

  const char* name() const noexcept { return name_; }
  const StateOptions& options() const noexcept { return options_; }

  // For process.
  void bind(Cell& cell) noexcept { cell_ = &cell; }
  bool written() const noexcept { return written_; }

 protected:
  KeyedState(const char* name, StateOptions options) noexcept : name_(name), options_(options) {}

  Content& content() noexcept { return cell_->content; }
  const Content& content() const noexcept { return cell_->content; }

  bool written_ = false;  // since the function was called

 private:
  const char* name_;
  StateOptions options_;
  Cell* cell_ = nullptr;
};

}  // namespace detail

/// One value for each key. What the function writes counts when it returns; when it throws, nothing has been written.
///
///     ValueState<int> count{"count"};
///     count = count.value_or(0) + 1;
template <class T>
class ValueState : public detail::KeyedState<std::optional<T>> {
 public:
  explicit ValueState(const char* name, StateOptions options = {}) noexcept
      : detail::KeyedState<std::optional<T>>(name, options) {}

  bool has_value() const noexcept { return this->content().has_value(); }
  /// Throws std::bad_optional_access when there is none.
  const T& value() const { return this->content().value(); }
  const T& operator*() const noexcept { return *this->content(); }
  const T* operator->() const noexcept { return &*this->content(); }
  template <class U>
  T value_or(U&& other) const {
    return this->content().value_or(std::forward<U>(other));
  }

  template <class V>
    requires(std::is_constructible_v<T, V> && !std::is_same_v<std::remove_cvref_t<V>, ValueState>)
  ValueState& operator=(V&& value) {
    T made(std::forward<V>(value));  // it may be made of the present one
    keep_old();
    this->content() = std::move(made);
    return *this;
  }
  /// `fn(T&)` changes a copy of the value, of a `T{}` where there is none.
  template <class Fn>
  void update(Fn fn) {
    T changed = has_value() ? T(*this->content()) : T{};
    fn(changed);
    keep_old();
    this->content() = std::move(changed);
  }
  void clear() {
    keep_old();
    this->content().reset();
  }

  // For process.
  void commit() noexcept {
    this->written_ = false;
    old_.reset();
  }
  void rollback() noexcept {
    if (!std::exchange(this->written_, false)) return;
    this->content() = std::move(old_);
    old_.reset();
  }

 private:
  void keep_old() {
    if (std::exchange(this->written_, true)) return;
    old_ = std::move(this->content());
  }

  std::optional<T> old_;
};

/// A list for each key, in the order in which it was added to.
template <class T>
class ListState : public detail::KeyedState<std::vector<T>> {
 public:
  explicit ListState(const char* name, StateOptions options = {}) noexcept
      : detail::KeyedState<std::vector<T>>(name, options) {}

  const std::vector<T>& values() const noexcept { return this->content(); }
  std::size_t size() const noexcept { return values().size(); }
  bool empty() const noexcept { return values().empty(); }
  auto begin() const noexcept { return values().begin(); }
  auto end() const noexcept { return values().end(); }

  void add(T value) {
    begin_write();
    this->content().push_back(std::move(value));
  }
  void assign(std::vector<T> values) {
    begin_write();
    if (!std::exchange(replaced_, true)) {
      shorten();
      old_ = std::move(this->content());
    }
    this->content() = std::move(values);
  }
  void clear() { assign({}); }

  // For process.
  void commit() noexcept {
    this->written_ = replaced_ = false;
    old_.clear();
  }
  void rollback() noexcept {
    if (!this->written_) return;
    if (replaced_) {
      this->content() = std::move(old_);
    } else {
      shorten();
    }
    commit();
  }

 private:
  void begin_write() noexcept {
    if (!std::exchange(this->written_, true)) old_size_ = size();
  }
  void shorten() noexcept {
    this->content().erase(this->content().begin() + static_cast<std::ptrdiff_t>(old_size_), this->content().end());
  }

  std::size_t old_size_ = 0;  // before the function was called; nothing before it has changed
  std::vector<T> old_;        // all of it, once it was replaced
  bool replaced_ = false;
};

/// A map for each key, in the order of its own keys, so that going through it gives the same after a restart.
template <class K, class V>
class MapState : public detail::KeyedState<std::map<K, V, std::less<>>> {
  using Content = std::map<K, V, std::less<>>;

 public:
  explicit MapState(const char* name, StateOptions options = {}) noexcept : detail::KeyedState<Content>(name, options) {}

  const Content& values() const noexcept { return this->content(); }
  std::size_t size() const noexcept { return values().size(); }
  bool empty() const noexcept { return values().empty(); }
  auto begin() const noexcept { return values().begin(); }
  auto end() const noexcept { return values().end(); }
  bool contains(const K& key) const { return values().contains(key); }
  /// Null when there is none.
  const V* find(const K& key) const {
    const auto found = values().find(key);
    return found == values().end() ? nullptr : &found->second;
  }
  template <class U>
  V value_or(const K& key, U&& other) const {
    const V* found = find(key);
    return found ? *found : static_cast<V>(std::forward<U>(other));
  }

  void put(K key, V value) {
    this->written_ = true;
    const auto found = this->content().find(key);
    if (found == this->content().end()) {
      note(key, std::nullopt);
      this->content().emplace(std::move(key), std::move(value));
    } else {
      note(key, std::move(found->second));
      found->second = std::move(value);
    }
  }
  /// False when there is none.
  bool remove(const K& key) {
    const auto found = this->content().find(key);
    if (found == this->content().end()) return false;
    this->written_ = true;
    note(found->first, std::move(found->second));
    this->content().erase(found);
    return true;
  }
  void clear() {
    this->written_ = true;
    take_back();
    if (!std::exchange(replaced_, true)) old_ = std::move(this->content());
    this->content().clear();
  }

  // For process.
  void commit() noexcept {
    this->written_ = replaced_ = false;
    changes_.clear();
    old_.clear();
  }
  void rollback() {
    if (!this->written_) return;
    take_back();
    if (replaced_) this->content() = std::move(old_);
    commit();
  }

 private:
  struct Change {
    K key;
    std::optional<V> old;
  };

  void note(const K& key, std::optional<V> old) {
    if (!replaced_) changes_.push_back({key, std::move(old)});
  }
  void take_back() {
    for (; !changes_.empty(); changes_.pop_back()) {
      Change& change = changes_.back();
      if (change.old) {
        this->content().insert_or_assign(std::move(change.key), *std::move(change.old));
      } else {
        this->content().erase(change.key);
      }
    }
  }

  std::vector<Change> changes_;  // since the function was called, and since `clear` none
  Content old_;                  // all of it, once it was cleared
  bool replaced_ = false;
};

}  // namespace penstock

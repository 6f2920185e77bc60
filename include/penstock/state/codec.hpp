// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/state/detail/coder.hpp"

// How what operators remember becomes bytes, and bytes become it again. docs/reference/state.md has the format.

namespace penstock {

/// Saved state that cannot be read, or is of another kind than what reads it; or state that cannot be saved.
class StateError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What can be saved in a snapshot.
template <class T>
concept has_codec = detail::coding::IsState<T>::value;

namespace detail {

template <class T>
inline constexpr char state_tag = 0;

/// The types of which something was put or got, in the order in which they came first.
class TypesSeen {
 public:
  /// Whether it is new, unless it came last.
  bool add(const void* tag) {
    for (const void* each : tags_) {
      if (each == tag) return false;
    }
    tags_.push_back(tag);
    return true;
  }
  /// Null when a type that is called so has come before.
  const std::string* add(std::string signature) {
    for (const std::string& each : signatures_) {
      if (each == signature) return nullptr;
    }
    return &signatures_.emplace_back(std::move(signature));
  }
  const std::vector<std::string>& signatures() const noexcept { return signatures_; }

 private:
  std::vector<const void*> tags_;
  std::vector<std::string> signatures_;
};

}  // namespace detail

/// The type of a state in words, such as `vector<tuple<i64,string>>` or `map<string,Account v2>`.
template <class T>
std::string type_signature() {
  std::string text;
  detail::coding::sign<T>(text);
  return text;
}

/// Appends values to the bytes of a state. The signatures of their types are kept behind them.
class StateWriter {
 public:
  template <class T>
  void put(const T& value) {
    static_assert(has_codec<T> || detail::coding::text_view<T>,
                  "StateWriter: has no codec for this type; write a penstock::Codec<T>, which docs/reference/state.md shows");
    if constexpr (has_codec<T> || detail::coding::text_view<T>) {
      note(&detail::state_tag<T>, &type_signature<T>);
      detail::coding::write(*this, value);
    }
  }

  /// All bytes: the values, the signatures of their types and how long these are. The writer is as new then.
  [[gnu::noinline]] std::string take() {
    const std::size_t values = bytes_.size();
    count(types_.signatures().size());
    for (const std::string& each : types_.signatures()) text(each);
    detail::coding::write_number(*this, static_cast<std::uint32_t>(bytes_.size() - values));
    return std::exchange(*this, StateWriter()).bytes_;
  }

  // What codecs are made of.
  std::size_t size() const noexcept { return bytes_.size(); }
  void raw(const void* from, std::size_t size) { bytes_.append(static_cast<const char*>(from), size); }
  void byte(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  [[gnu::noinline]] void count(std::uint64_t value) {
    for (; value > 127; value >>= 7) byte(static_cast<std::uint8_t>(value | 128));
    byte(static_cast<std::uint8_t>(value));
  }
  void text(std::string_view value) {
    count(value.size());
    raw(value.data(), value.size());
  }
  std::size_t& depth() noexcept { return depth_; }
  [[noreturn, gnu::cold, gnu::noinline]] void refuse(const char* sentence) const { throw StateError(sentence); }

 private:
  [[gnu::noinline]] void note(const void* tag, std::string (*signature)()) {
    if (types_.add(tag)) types_.add(signature());
  }

  std::string bytes_;
  std::size_t depth_ = 0;
  detail::TypesSeen types_;
};

/// Reads values back in the order in which they were put. Throws StateError, a sentence that starts with `whose` state
/// it is, for bytes that are no such values: it reads nothing beyond them and takes memory only for what is there.
class StateReader {
 public:
  /// Reads what `StateWriter::take` gave, which has to outlive the reader.
  explicit StateReader(std::string_view bytes, std::string whose = "the state") : rest_(bytes), whose_(std::move(whose)) {
    open();
  }

  template <class T>
  T get() {
    static_assert(has_codec<T>,
                  "StateReader: has no codec for this type; write a penstock::Codec<T>, which docs/reference/state.md shows");
    note(&detail::state_tag<T>, &type_signature<T>);
    return detail::coding::read<T>(*this);
  }
  /// Into an object that is there, whose comparators, hashers and allocators stay. When it throws, part of it is new.
  template <class T>
  void get(T& into) {
    static_assert(has_codec<T>,
                  "StateReader: has no codec for this type; write a penstock::Codec<T>, which docs/reference/state.md shows");
    note(&detail::state_tag<T>, &type_signature<T>);
    detail::coding::fill(*this, into);
  }
  /// Everything should have been read.
  void end() const {
    if (!rest_.empty()) fail(std::to_string(rest_.size()) + " bytes of it were left over");
  }

  /// Throws: `sentence` says what is wrong with the state.
  [[noreturn, gnu::cold, gnu::noinline]] void fail(const std::string& sentence) const {
    throw StateError(whose_ + " cannot be restored: " + sentence);
  }
  [[noreturn, gnu::cold, gnu::noinline]] void damaged(const char* what) const {
    fail("its bytes are damaged, " + std::string(what) + " in a " + (reading_ ? reading_() : "list of types"));
  }

  // What codecs are made of.
  std::size_t left() const noexcept { return rest_.size(); }
  const char* raw(std::uint64_t size) {
    if (size > rest_.size()) damaged("which end");
    const char* here = rest_.data();
    rest_.remove_prefix(static_cast<std::size_t>(size));
    return here;
  }
  std::uint8_t byte() { return static_cast<std::uint8_t>(*raw(1)); }
  [[gnu::noinline]] std::uint64_t count() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint64_t next = byte();
      value |= (next & 127) << shift;
      if (next >= 128) continue;
      if ((next == 0 && shift > 0) || (shift == 63 && next > 1)) break;
      return value;
    }
    damaged("with a number that is none");
  }
  /// The number of things of at least `each` bytes that follow.
  std::size_t count_of(std::size_t each) {
    const std::uint64_t count = this->count();
    if (count > rest_.size() / each) damaged("which end");
    return static_cast<std::size_t>(count);
  }
  std::string_view text() {
    const std::size_t size = count_of(1);
    return {raw(size), size};
  }
  bool flag() {
    const std::uint8_t value = byte();
    if (value > 1) damaged("with a flag that is neither 0 nor 1");
    return value == 1;
  }
  std::size_t& depth() noexcept { return depth_; }
  [[noreturn, gnu::cold, gnu::noinline]] void refuse(const char* sentence) const { fail(sentence); }
  /// The version of the codec with this name that has written what is read.
  [[gnu::noinline]] std::uint32_t version_of(std::string_view name, std::uint32_t current) const {
    for (const auto& [old, version] : older_) {
      if (old == name) return version;
    }
    return current;
  }

 private:
  [[gnu::noinline]] void open() {
    const std::string_view all = rest_;
    if (all.size() < sizeof(std::uint32_t)) damaged("which end");
    const std::size_t behind = all.size() - sizeof(std::uint32_t);
    rest_ = all.substr(behind);
    const std::size_t length = detail::coding::read_number<std::uint32_t>(*this);
    if (length > behind) damaged("which end");
    rest_ = all.substr(behind - length, length);
    for (std::size_t n = count_of(1); n > 0; --n) stored_.push_back(text());
    if (!rest_.empty()) damaged("with more than there should be");
    rest_ = all.substr(0, behind - length);
  }

  [[gnu::noinline]] void note(const void* tag, std::string (*signature)()) {
    reading_ = signature;
    if (!types_.add(tag)) return;
    const std::size_t place = types_.signatures().size();
    const std::string* wanted = types_.add(signature());
    if (!wanted) return;
    if (place >= stored_.size()) fail("the program reads a " + *wanted + ", and no such thing was saved");
    if (stored_[place] != *wanted && !match(stored_[place], *wanted)) {
      fail("it holds a " + std::string(stored_[place]) + ", and the program reads a " + *wanted);
    }
  }

  /// Signatures are to be the same, but for the versions of codecs (the only place with a space), which may be older.
  [[gnu::cold, gnu::noinline]] bool match(std::string_view stored, std::string_view wanted) {
    std::size_t i = 0, j = 0, name = 0;
    while (i < stored.size() && j < wanted.size() && stored[i] == wanted[j]) {
      const char next = wanted[j];
      ++i, ++j;
      if (next == '<' || next == ',' || next == '{' || next == ':') name = j;
      if (next != ' ') continue;
      const std::string codec(wanted.substr(name, j - 1 - name));
      const std::uint32_t was = version_at(stored, i), is = version_at(wanted, j);
      if (was > is) fail("it was saved by version " + std::to_string(was) + " of the codec of " + codec + ", and the program has version " + std::to_string(is));
      if (was < is) older_.emplace_back(codec, was);
    }
    return i == stored.size() && j == wanted.size();
  }
  static std::uint32_t version_at(std::string_view text, std::size_t& place) {
    std::uint32_t version = 0;
    if (place < text.size() && text[place] == 'v') ++place;
    for (; place < text.size() && text[place] >= '0' && text[place] <= '9'; ++place) {
      version = version * 10 + static_cast<std::uint32_t>(text[place] - '0');
    }
    return version;
  }

  std::string_view rest_;
  std::string whose_;
  std::string (*reading_)() = nullptr;
  std::size_t depth_ = 0;
  detail::TypesSeen types_;
  std::vector<std::string_view> stored_;
  std::vector<std::pair<std::string, std::uint32_t>> older_;
};

}  // namespace penstock

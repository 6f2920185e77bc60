// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_stack.hpp>

#include "penstock/sources/detail/row_source.hpp"
#include "penstock/sources/field_traits.hpp"
#include "penstock/sources/detail/json_field.hpp"
#include "penstock/sources/row_traits.hpp"

namespace penstock {

/// How from_jsonl reads.
struct JsonlSource {
  std::size_t max_record = std::size_t{1} << 20;  ///< bytes of a line, below 2 GiB
  bool unknown_names = false;  ///< names that the row does not have are left out; false: it is a bad row
  bool missing_names = false;  ///< members without a name keep their value; false: only optional ones may
  std::string time_format{};   ///< of times, see field_traits; empty: ISO 8601
  bool follow = false;         ///< at the end of the file, or of the last one, wait for more to be written
  Duration poll = std::chrono::milliseconds{100};  ///< how often a followed file is looked at, more than 0
  RowPosition from{};          ///< begin at this place, which a source had as its `position`
  BadRows bad_rows = BadRows::report;
  OnFailure on_failure = OnFailure::go_on;  ///< whether the next row follows when one fails
};

/// Finds the lines of a file in text that comes in pieces of any size, cut anywhere. Lines end with LF or
/// CRLF; empty ones are left out, and so is a byte order mark at the start. One that is too long is damaged,
/// and the next one follows.
class LineReader : public detail::RecordBuffer {
 public:
  explicit LineReader(std::size_t max_record = std::size_t{1} << 20) : RecordBuffer(max_record) {}

  /// What is fed next stands at byte `offset`, in line `line`.
  void move_to(std::uint64_t offset, std::uint64_t line) noexcept {
    RecordBuffer::move_to(offset, line);
    searched_ = 0;
  }

  /// The next line is `text()`, which is valid until the reader is called again.
  Found next() {
    if (skipping()) return skip_line();
    for (;;) {
      if (!begin_record()) return Found::nothing;
      const std::string_view text = rest();
      if (text.empty()) return Found::nothing;
      const std::size_t found = text.find('\n', searched_);
      const bool complete = found != std::string_view::npos || finished();
      if (!complete && text.size() <= max_record() + 2) {
        searched_ = text.size();
        return Found::nothing;
      }
      searched_ = 0;
      const std::size_t end = std::min(found, text.size() - 1) + 1;
      const std::string_view line = without_line_end(text.substr(0, end), complete);
      if (!complete || line.size() > max_record()) {
        problem_ = "the line is longer than " + std::to_string(max_record()) + " bytes";
        return give_up_line();
      }
      take(end, 1);
      if (line.empty()) continue;
      text_ = line;
      return Found::record;
    }
  }

 private:
  std::size_t searched_ = 0;
};

namespace detail {

/// Makes a boost::json::value of what the parser sees. Boost's own does the same, but the numbers of its
/// parser are, in 1.81, not always those nearest to the text; here they are.
class JsonHandler {
 public:
  static constexpr std::size_t max_object_size = boost::json::object::max_size();
  static constexpr std::size_t max_array_size = boost::json::array::max_size();
  static constexpr std::size_t max_key_size = boost::json::string::max_size();
  static constexpr std::size_t max_string_size = boost::json::string::max_size();
  using Text = boost::json::string_view;
  using Error = boost::system::error_code;

  boost::json::value_stack values;

  bool on_document_begin(Error&) { return true; }
  bool on_document_end(Error&) { return true; }
  bool on_object_begin(Error&) { return true; }
  bool on_object_end(std::size_t n, Error&) { return values.push_object(n), true; }
  bool on_array_begin(Error&) { return true; }
  bool on_array_end(std::size_t n, Error&) { return values.push_array(n), true; }
  bool on_key_part(Text text, std::size_t, Error&) { return values.push_chars(text), true; }
  bool on_key(Text text, std::size_t, Error&) { return values.push_key(text), true; }
  bool on_string_part(Text text, std::size_t, Error&) { return values.push_chars(text), true; }
  bool on_string(Text text, std::size_t, Error&) { return values.push_string(text), true; }
  bool on_number_part(Text, Error&) { return true; }
  bool on_int64(std::int64_t number, Text, Error&) { return values.push_int64(number), true; }
  bool on_uint64(std::uint64_t number, Text, Error&) { return values.push_uint64(number), true; }
  bool on_double(double number, Text text, Error&) {
    double nearest = number;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), nearest);
    const bool whole = error == std::errc{} && end == text.data() + text.size();
    return values.push_double(whole ? nearest : number), true;
  }
  bool on_bool(bool value, Error&) { return values.push_bool(value), true; }
  bool on_null(Error&) { return values.push_null(), true; }
  bool on_comment_part(Text, Error&) { return true; }
  bool on_comment(Text, Error&) { return true; }
};

/// One value at a time, in memory that is used again for the next one.
class JsonParser {
 public:
  JsonParser() : memory_(std::make_unique<Memory>()) {}

  /// Valid until the next call. Null, and `error` set, when `text` is not one value.
  const boost::json::value* parse(std::string_view text, boost::system::error_code& error) {
    Memory& memory = *memory_;
    memory.value.reset();
    memory.parser.handler().values.reset();  // what a value that was none has left
    // A new one: one that is released goes on with blocks twice as big as the last, for ever.
    memory.resource.emplace(memory.first.get(), first_size);
    memory.parser.handler().values.reset(&*memory.resource);
    memory.parser.reset();
    const std::size_t read = memory.parser.write_some(false, text.data(), text.size(), error);
    if (!error && read < text.size()) error = boost::json::error::extra_data;
    if (error) return nullptr;
    return &memory.value.emplace(memory.parser.handler().values.release());  // to assign would be to copy
  }

 private:
  struct Memory {
    std::unique_ptr<unsigned char[]> first{new unsigned char[first_size]};
    std::optional<boost::json::monotonic_resource> resource;
    boost::json::basic_parser<JsonHandler> parser{boost::json::parse_options{}};
    std::optional<boost::json::value> value;
  };
  static constexpr std::size_t first_size = 16384;

  std::unique_ptr<Memory> memory_;  // the parts know where the others are
};

/// Why a value is not what its place needs, and the path to it.
struct JsonProblem {
  const char* reason = nullptr;
  std::string where;
  std::string text;  // of the value

  bool at(const char* why, const boost::json::value& value) {
    reason = why;
    text = boost::json::serialize(value);
    return false;
  }
  bool within(std::string_view name) {
    where = where.empty() ? std::string(name) : std::string(name) + "." + where;
    return false;
  }
};

/// Reads values into members.
class JsonInto {
 public:
  JsonInto(bool unknown, bool missing, TimeText time)
      : unknown_(unknown), missing_(missing), time_(std::move(time)) {}

  template <json_field T>
  bool read(const boost::json::value& value, T& into, JsonProblem& problem) const {
    if constexpr (std::same_as<T, boost::json::value>) {
      into = boost::json::value(value, boost::json::storage_ptr{});
      return true;
    } else if constexpr (may_be_missing<T>) {
      if (value.is_null()) return into.reset(), true;
      return read(value, into ? *into : into.emplace(), problem);
    } else if constexpr (std::same_as<T, bool>) {
      if (!value.is_bool()) return problem.at("is neither true nor false", value);
      into = value.get_bool();
      return true;
    } else if constexpr (number<T>) {
      if (!value.is_number()) return problem.at("is not a number", value);
      if constexpr (std::is_floating_point_v<T>) {
        into = static_cast<T>(value.to_number<double>());
      } else {
        boost::system::error_code error;
        into = value.to_number<T>(error);
        if (error) return problem.at("is out of range", value);
      }
      return true;
    } else if constexpr (std::same_as<T, std::string>) {
      if (!value.is_string()) return problem.at("is not a string", value);
      into.assign(value.get_string().data(), value.get_string().size());
      return true;
    } else if constexpr (plain_field<T>) {
      if (!value.is_string()) return problem.at("is not a string", value);
      const boost::json::string& text = value.get_string();
      const char* const reason = read_field({text.data(), text.size()}, true, into, time_);
      return reason ? problem.at(reason, value) : true;
    } else if constexpr (is_vector<T>) {
      if (!value.is_array()) return problem.at("is not an array", value);
      into.clear();
      into.reserve(value.get_array().size());
      for (const boost::json::value& item : value.get_array()) {
        typename T::value_type element{};  // of bools there is no reference in a vector
        if (!read(item, element, problem)) return problem.within(std::to_string(into.size()));
        into.push_back(std::move(element));
      }
      return true;
    } else if constexpr (Row<T>::named) {
      if (!value.is_object()) return problem.at("is not an object", value);
      return read_object(value.get_object(), into, problem);
    } else {
      if (!value.is_array()) return problem.at("is not an array", value);
      const boost::json::array& items = value.get_array();
      if (items.size() != Row<T>::size) return problem.at("has not as many elements as belong", value);
      return each_column<T>([&](auto i) {
        return read(items[i], Row<T>::template get<i>(into), problem) || problem.within(column_name<T>(i));
      });
    }
  }

 private:
  template <class T>
  bool read_object(const boost::json::object& object, T& into, JsonProblem& problem) const {
    std::size_t found = 0;
    auto guess = object.begin();  // most files have the names in the order of the row
    const bool read_all = each_column<T>([&](auto i) {
      constexpr std::string_view name = Row<T>::names[i];
      const boost::json::value* value = nullptr;
      if (guess != object.end() && std::string_view{guess->key().data(), guess->key().size()} == name) {
        value = &guess->value();
        ++guess;
      } else if (const auto at = object.find({name.data(), name.size()}); at != object.end()) {
        value = &at->value();
        guess = at + 1;
      }
      if (!value) {
        if (missing_ || may_be_missing<column_type<T, i>>) return true;
        problem.reason = "is missing";
        return problem.within(name);
      }
      ++found;
      return read(*value, Row<T>::template get<i>(into), problem) || problem.within(name);
    });
    if (!read_all || unknown_ || found == object.size()) return read_all;
    for (const auto& [key, value] : object) {
      const std::string_view name{key.data(), key.size()};
      if (std::find(Row<T>::names.begin(), Row<T>::names.end(), name) != Row<T>::names.end()) continue;
      problem.reason = "is unknown";
      return problem.within(name);
    }
    return true;
  }

  bool unknown_;
  bool missing_;
  TimeText time_;
};

/// Reads the lines of a file into structs.
template <json_field T>
class JsonlRows : public LineReader {
 public:
  explicit JsonlRows(JsonlSource options)
      : LineReader(options.max_record),
        into_(options.unknown_names, options.missing_names,
              TimeText(std::move(options.time_format), "from_jsonl")) {}

  bool begin(const std::string&) noexcept { return true; }
  bool reads_all() const noexcept { return false; }

  Found next_row(T& row, BadRow& bad) {
    const Found found = next();
    if (found == Found::nothing) return found;
    if (found == Found::record) {
      boost::system::error_code error;
      JsonProblem problem;
      if (const boost::json::value* value = parser_.parse(text(), error)) {
        if (into_.read(*value, row, problem)) [[likely]] return Found::record;
        bad.column = std::move(problem.where);
        bad.reason = (problem.text.empty() ? "" : shown(std::move(problem.text)) + " ") + problem.reason;
      } else {
        bad.reason = "not JSON: " + error.message();
      }
    } else {
      bad.reason = problem();
    }
    bad.line = line();
    bad.text = text();
    return Found::damaged;
  }

 private:
  JsonInto into_;
  JsonParser parser_;
};

template <class T>
auto from_jsonl(Loop* loop, RowInput input, JsonlSource options) {
  constexpr bool right = json_field<T>;
  static_assert(right,
                "from_jsonl: the rows must be structs that Boost.Describe or a row_traits describes, other "
                "aggregates or tuples, whose members are numbers, bools, strings, times, enums, such "
                "structs, or optionals or vectors of these; or boost::json::value");
  static_assert(!right || row_object<T>,
                "from_jsonl: a row must have a default constructor and be movable");
  if constexpr (right && row_object<T>) {
    RowReading reading{options.from,     false,           options.follow, options.poll,
                       options.bad_rows, options.on_failure};
    return RowSource<T, JsonlRows<T>>{make_row_source<T>(
        loop, "from_jsonl", std::move(input), JsonlRows<T>{std::move(options)}, std::move(reading))};
  }
}

}  // namespace detail

/// Emits the lines of a file of JSON values, or of a set of files, as structs, and then ends. With
/// `.follow = true` it goes on when more is written; a line that is written by halves waits for the rest.
///
///     file  {"name": "nail", "price": 0.05}\n{"name": "saw", "price": 7.5}\n
///     out   {nail 0.05} {saw 7.5} |
///
/// @tparam T       a row as of from_csv, read from an object, or by position from an array. Its members may
///                 also be such structs, and vectors. Or boost::json::value, as it stands.
/// @param loop     where it runs; without one the file is read inside `start`.
/// @param path     is opened here. Or a pattern such as `events/*.jsonl`, or a FileSet: many files.
/// @param options  see JsonlSource. Names may come in any order; null is for an empty optional.
///
/// Not part of penstock.hpp, as it needs Boost.JSON: one file of the program includes <boost/json/src.hpp>,
/// or the program is linked with Boost::json. Bad rows and `position` are as of from_csv.
///
/// Back-pressure: waits for each row.
/// Metadata:      none.
/// Errors:        std::system_error here when the file cannot be opened; of a set of files it is reported,
///                and the next file follows; a bad row that nobody takes is
///                reported as a BadRowError, and like what is behind it throws it goes on or stops as
///                `on_failure` says.
/// Cost:          that of Boost.JSON, with memory that is used again for each line, and what the members
///                allocate.
/// Recovery:      read again from the place behind the last row, which is saved; not the streams that it is given. A file
///                that is shorter then, or another one, is an error that names the place.
/// Example:       examples/09_files/jsonl.cpp
/// See also:      sink_to_jsonl, from_csv, from_textfile, FileSet
template <class T>
auto from_jsonl(Loop& loop, std::string path, JsonlSource options = {}) {
  return detail::from_jsonl<T>(&loop, detail::row_input(std::move(path), options.poll), std::move(options));
}
template <class T>
auto from_jsonl(std::string path, JsonlSource options = {}) {
  return detail::from_jsonl<T>(nullptr, detail::row_input(std::move(path), options.poll), std::move(options));
}
template <class T>
auto from_jsonl(Loop& loop, FileSet files, JsonlSource options = {}) {
  return detail::from_jsonl<T>(&loop, std::move(files), std::move(options));
}
template <class T>
auto from_jsonl(FileSet files, JsonlSource options = {}) {
  return detail::from_jsonl<T>(nullptr, std::move(files), std::move(options));
}

}  // namespace penstock

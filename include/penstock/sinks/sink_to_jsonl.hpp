// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "penstock/sinks/sink_to_textfile.hpp"
#include "penstock/sources/detail/json_field.hpp"
#include "penstock/sources/field_traits.hpp"
#include "penstock/sources/row_traits.hpp"

namespace penstock {

/// How sink_to_jsonl writes.
struct JsonlFile {
  bool append = true;         ///< behind what the file holds; false: in its place
  Flush flush = false;        ///< true: after every line, so that readers see it at once; or see Flush
  std::string time_format{};  ///< of times, see field_traits; empty: ISO 8601
  Sync sync = Sync::never;    ///< whether it is brought to the disk, see Sync
  Rotate rotate{};            ///< when the next file begins, see Rotate
  bool atomic = false;        ///< a file has its name only when it is finished and on the disk
};

namespace detail {

inline void append_json_string(std::string& into, std::string_view text) {
  into += '"';
  for (const char c : text) {
    switch (c) {
      case '"': into.append("\\\""); break;
      case '\\': into.append("\\\\"); break;
      case '\n': into.append("\\n"); break;
      case '\r': into.append("\\r"); break;
      case '\t': into.append("\\t"); break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          into.append(c < 0x10 ? "\\u000" : "\\u001") += "0123456789abcdef"[c & 15];
        } else {
          into += c;
        }
    }
  }
  into += '"';
}

/// Appends what JsonInto reads.
class JsonWriter {
 public:
  explicit JsonWriter(std::string time_format) : time_(std::move(time_format), "sink_to_jsonl") {}

  template <json_field T>
  void write(const T& value, std::string& into) const {
    if constexpr (std::is_same_v<T, boost::json::value>) {
      into.append(serialize(value));  // found beside the value, where Boost.JSON is there
    } else if constexpr (may_be_missing<T>) {
      if (!value) {
        into.append("null");
      } else {
        write(*value, into);
      }
    } else if constexpr (std::is_same_v<T, bool>) {
      into.append(value ? "true" : "false");
    } else if constexpr (number<T>) {
      if constexpr (std::is_floating_point_v<T>) {
        if (!std::isfinite(value)) {
          throw std::out_of_range("sink_to_jsonl: JSON has no number that is not finite");
        }
      }
      write_number(value, into);
    } else if constexpr (std::is_same_v<T, std::string>) {
      append_json_string(into, value);
    } else if constexpr (plain_field<T>) {
      std::string text;
      write_field(value, text, time_);
      append_json_string(into, text);
    } else if constexpr (is_vector<T>) {
      into += '[';
      for (std::size_t i = 0; i < value.size(); ++i) {
        if (i != 0) into += ',';
        write<typename T::value_type>(value[i], into);
      }
      into += ']';
    } else {
      into += Row<T>::named ? '{' : '[';
      each_column<T>([&](auto i) {
        if constexpr (i != 0) into += ',';
        if constexpr (Row<T>::named) {
          append_json_string(into, Row<T>::names[i]);
          into += ':';
        }
        write(Row<T>::template get<i>(value), into);
        return true;
      });
      into += Row<T>::named ? '}' : ']';
    }
  }

 private:
  TimeText time_;
};

class JsonlFileStep : public LineFileStep {
 public:
  template <class File>
  JsonlFileStep(File file, const JsonlFile& options)
      : LineFileStep("sink_to_jsonl", std::move(file), FilePolicies::of(options, "\n")),
        writer_(options.time_format) {}

  template <class V, class Next>
  Pending* operator()(V&& value, const Context* context, Next&) {
    const auto put = [&](const auto& row) {  // a field of the user's may throw
      line_.clear();
      writer_.write(row, line_);
      this->write(line_, context);
    };
    this->run(put, std::as_const(value));
    return nullptr;
  }

 private:
  JsonWriter writer_;
  std::string line_;
};

}  // namespace detail

/// Writes every element as a line of JSON.
///
///     in    {nail 0.05} {saw 7.5} |
///     file  {"name":"nail","price":0.05}\n{"name":"saw","price":7.5}\n
///
/// @param file     a path, opened when the sink is wired; or a `std::FILE*`, which stays open and must
///                 outlive the sink. Elements are rows as of from_jsonl: objects where the members have
///                 names, else arrays.
/// @param options  see JsonlFile. Without them what is in the file stays and lines are written behind it.
///
/// Strings are taken to be UTF-8, as JSON has to be. An empty optional is null. What is written, from_jsonl
/// reads back equal. Needs no Boost.JSON, except for elements that are boost::json::value.
///
/// When lines are in the file, on the disk, and in the next file, and what becomes of them on a full disk, is
/// as of sink_to_textfile.
///
/// Back-pressure: passes through; writes in the loop's thread.
/// Metadata:      ends here, when the element was given to the buffer; held until flushed, synced or finished
///                where the options say so.
/// Errors:        std::system_error here when the file cannot be opened, and through emit or close when it
///                cannot be written, naming it; std::out_of_range through emit for a value that JSON does not
///                have; nothing of that row is written then.
/// Cost:          a copy into the buffer; one write each 64 KiB or flush.
/// Recovery:      exactly once, with checkpoints, in files of its own: a checkpoint brings them to the disk, and a run that
///                goes on from it cuts off what was written after it, or, before the first one, behind what the file held
///                at the start; finished files that are atomic have their names when the checkpoint is durable. Without,
///                and into a C stream, a device or a pipe, what comes again is written again.
/// Example:       examples/09_files/jsonl.cpp
/// See also:      from_jsonl, sink_to_csv, sink_to_textfile
template <class Path, class... Options>
auto sink_to_jsonl(Path file, Options... options) {
  static_assert((std::is_same_v<Options, JsonlFile> && ...), "sink_to_jsonl: the options are a JsonlFile");
  return [file = std::move(file), options = JsonlFile{std::move(options)...}](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(detail::json_field<T>,
                  "sink_to_jsonl: the elements must be structs that Boost.Describe or a row_traits "
                  "describes, other aggregates or tuples, whose members are numbers, bools, strings, times, "
                  "enums, such structs, or optionals or vectors of these; or boost::json::value");
    if constexpr (detail::json_field<T>) {
      Info info =
          detail::file_info("sink_to_jsonl", "sink_to_jsonl: a flush or rotation by time", file, options);
      return std::forward<decltype(stream)>(stream).then(detail::JsonlFileStep{std::move(file), options},
                                                         std::move(info));
    }
  };
}

}  // namespace penstock

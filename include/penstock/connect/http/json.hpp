// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/connect/http/from_http_server.hpp"
#include "penstock/sinks/sink_to_jsonl.hpp"
#include "penstock/sources/from_jsonl.hpp"

// Not an operator: from_http_server<T> for what from_jsonl reads. One file of the program includes
// <boost/json/src.hpp>, or the program is linked with Boost::json.

namespace penstock::detail {

/// A body is one `T`, or an array of them; where a `T` is itself read from an array, always an array of
/// them. With the media type application/x-ndjson or application/jsonl, each line is one. All of them are
/// right, or none is taken.
template <json_field T>
  requires(!std::same_as<T, std::string> && row_object<T>)
struct HttpBody<T> {
  static constexpr bool known = true;

  explicit HttpBody(const HttpServer& options)
      : into_(options.unknown_names, options.missing_names,
              TimeText(options.time_format, "from_http_server")) {}

  bool read(HttpRequest&& request, std::vector<T>& elements, HttpAnswer& refusal) {
    Problems problems;
    std::string_view type = request.header("Content-Type");
    type = type.substr(0, type.find_first_of("; "));
    if (same_letters(type, "application/x-ndjson") || same_letters(type, "application/jsonl")) {
      read_lines(request.body, elements, problems);
    } else {
      read_value(request.body, elements, problems);
    }
    if (problems.count == 0) return true;
    refusal.status = 400;
    refusal.type = "application/json";
    refusal.body = "{\"errors\":[" + problems.text + "],\"count\":" + std::to_string(problems.count) + "}";
    return false;
  }

 private:
  struct Problems {
    static constexpr std::size_t told = 20;

    void add(std::size_t index, std::string_view name, std::string_view reason) {
      if (count++ >= told) return;
      if (count > 1) text += ',';
      text.append("{\"index\":").append(std::to_string(index)).append(",\"name\":");
      append_json_string(text, name);
      text.append(",\"reason\":");
      append_json_string(text, reason);
      text += '}';
    }
    std::string text;
    std::size_t count = 0;
  };

  void read_value(std::string_view body, std::vector<T>& elements, Problems& problems) {
    boost::system::error_code error;
    const boost::json::value* const value = parser_.parse(body, error);
    if (!value) return problems.add(0, "", "not JSON: " + error.message());
    if (!value->is_array()) return read_one(*value, 0, elements, problems);
    elements.reserve(value->get_array().size());
    std::size_t index = 0;
    for (const boost::json::value& item : value->get_array()) read_one(item, index++, elements, problems);
  }
  void read_lines(std::string_view body, std::vector<T>& elements, Problems& problems) {
    std::size_t index = 0;
    while (!body.empty()) {
      const std::size_t end = body.find('\n');
      std::string_view line = body.substr(0, end);
      body = end == std::string_view::npos ? std::string_view{} : body.substr(end + 1);
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.empty()) continue;
      boost::system::error_code error;
      if (const boost::json::value* const value = parser_.parse(line, error)) {
        read_one(*value, index, elements, problems);
      } else {
        problems.add(index, "", "not JSON: " + error.message());
      }
      ++index;
    }
  }
  void read_one(const boost::json::value& value, std::size_t index, std::vector<T>& elements,
                Problems& problems) {
    T element{};
    JsonProblem problem;
    if (into_.read(value, element, problem)) return elements.push_back(std::move(element));
    const std::string before = problem.text.empty() ? "" : shown(std::move(problem.text)) + " ";
    problems.add(index, problem.where, before + problem.reason);
  }

  JsonInto into_;
  JsonParser parser_;
};

}  // namespace penstock::detail

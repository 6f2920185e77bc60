// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

#include "penstock/core/element.hpp"
#include "penstock/core/loop.hpp"

// Names only: what headers that take or return streams need.

namespace penstock {

struct AsView;
struct BufferOptions;
struct CsvFile;
struct DelayOptions;
struct Frequencies;
struct HopOptions;
struct JsonlFile;
struct MapAsync;
struct Slice;
struct SlidingWindow;
struct EventTimeOptions;
struct WindowOptions;
struct TextFile;
struct TimedWindow;
struct Unique;

struct OperatorStats;
class Graph;
template <element T>
class Stream;
template <element In, class... Steps>
class Chain;

// Element by element
template <class Fn, class... Args>
auto map(Fn fn, Args... args);
template <class Fn, class... Args>
auto starmap(Fn fn, Args... args);
template <class Fn, class... Options>
auto map_async(Fn fn, Options... options);
template <class... Args>
auto filter(Args... args);
template <class Fn, class... Args>
auto remove(Fn fn, Args... args);
template <class Fn, class... Options>
auto accumulate(Fn fn, Options... options);
template <class Fn, class... Options>
auto scan(Fn fn, Options... options);
template <class... Picks>
auto pluck(Picks... picks);
template <class = void>
auto flatten();
template <class = void>
auto concat();
template <class Fn, class... Args>
auto tap(Fn fn, Args... args);
template <class... Branches>
auto tee(Branches... branches);

// Which elements
template <class... Bounds>
auto slice(Bounds... bounds);
template <class = void>
auto take(std::size_t n);
template <class Fn, class... Args>
auto take_while(Fn fn, Args... args);
template <class = void>
auto skip(std::size_t n);
template <class... Options>
auto unique(Options... options);
template <class... Predicates>
auto split(Predicates... predicates);

// Several elements into one
template <class... Options>
auto partition(std::size_t n, Options... options);
template <class... Options>
auto partition_unique(std::size_t n, Options... options);
template <class... Options>
auto sliding_window(std::size_t n, Options... options);
template <class = void>
auto pairwise();
template <class = void>
auto collect();
template <class... Options>
auto frequencies(Options... options);

// Time
template <class... Options>
auto timed_window(Duration interval, Options... options);
template <class... Options>
auto timed_window_unique(Duration interval, Options... options);
template <class... Options>
auto delay(Duration time, Options... options);
template <class = void>
auto rate_limit(Duration interval);
template <class = void>
auto debounce(Duration quiet);
template <class = void>
auto sample(Duration interval);
template <class = void>
auto timeout(Duration limit);

// Event time
template <class Fn, class Policy, class... Options>
auto event_time(Fn time, Policy policy, Options... options);
template <class Fn>
auto key_by(Fn key);
template <class Windows, class... Options>
auto window(Windows windows, Options... options);
template <class Fn>
auto process(Fn function);

// Waiting
template <class... Options>
auto buffer(std::size_t n, Options... options);
template <class = void>
auto latest();
template <class... Options>
auto hop(Loop& loop, Options... options);

// Several streams
template <class... Inputs>
auto zip(Inputs&&... inputs);
template <class... Inputs>
auto combine_latest(Inputs&&... inputs);
template <class... Inputs>
auto zip_latest(Inputs&&... inputs);
template <class... Inputs>
auto merge(Inputs&&... inputs);

// Errors
template <class... Policies>
auto on_error(Policies... policies);

// Ends
template <class Fn, class... Args>
auto sink(Fn fn, Args... args);
template <class... Into>
auto sink_to_vector(Into&... into);
template <class... Args>
auto print(Args... args);
template <class Path, class... Options>
auto sink_to_textfile(Path file, Options... options);
template <class Path, class... Options>
auto sink_to_csv(Path file, Options... options);
template <class Path, class... Options>
auto sink_to_jsonl(Path file, Options... options);
template <class Path, class... Args>
auto upsert_csv(Path file, Args... args);

// On streams
template <class S, class T, class Context, class Token>
auto async_emit(const S& stream, T value, Context context, Token&& token);
template <class S, class Token>
auto async_close(const S& stream, Token&& token);
template <class H, class Token>
auto async_wait_idle(const H& handle, Token&& token);

// On graphs
template <class = void>
std::string describe(const Graph& graph);
template <class = void>
std::string to_dot(const Graph& graph);
template <class = void>
std::string to_mermaid(const Graph& graph);
template <class = void>
void visualize(const Graph& graph, const std::string& file);
template <class = void>
std::vector<OperatorStats> stats(const Graph& graph);
template <auto... Indices>
  requires(sizeof...(Indices) > 0)
auto pluck();

}  // namespace penstock

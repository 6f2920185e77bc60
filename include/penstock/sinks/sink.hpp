// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/core/stream.hpp"

namespace penstock {
namespace detail {

template <class Fn, class... Args>
class SinkStep : public Step {
 public:
  template <class In>
  using output = void;

  explicit SinkStep(Fn fn, Args... args) : fn_(std::move(fn)), args_(std::move(args)...) {}

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context*, Next&) {
    std::apply([&](Args&... args) { static_cast<void>(this->run(fn_, std::forward<V>(value), args...)); }, args_);
    return nullptr;
  }

 private:
  [[no_unique_address]] Fn fn_;
  [[no_unique_address]] std::tuple<Args...> args_;
};

}  // namespace detail

template <class Fn, class... Args>
auto sink(Fn fn, Args... args) {
  return [step = detail::SinkStep<Fn, Args...>(std::move(fn), std::move(args)...)](auto&& stream) mutable {
    return std::forward<decltype(stream)>(stream).then(std::move(step), Info{"sink", {}, Shape::sink});
  };
}

}  // namespace penstock

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string_view>
#include <tuple>
#include <type_traits>

#include "penstock/core/step.hpp"
#include "penstock/state/codec.hpp"

// Not an operator: what those that remember something have in common.

namespace penstock {

/// Of what stands beside an element its event time goes into a snapshot. Refs do not: they belong to the run that made
/// them.
template <>
struct Codec<Context> {
  static constexpr std::string_view name = "Context";
  static void write(StateWriter& to, const Context& context) { to.put(context.event_time()); }
  static Context read(StateReader& from, std::uint32_t) {
    Context context;
    context.event_time(from.get<EventTime>());
    return context;
  }
};

namespace detail {

/// An element that is kept with what stands beside it.
template <class T>
struct Beside {
  T value;
  Context context;

  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.value, self.context);
  }
};

template <class Tied>
inline constexpr bool can_be_saved = false;
template <class... Ts>
inline constexpr bool can_be_saved<std::tuple<Ts&...>> = (has_codec<std::remove_cv_t<Ts>> && ...);

template <class... Ts>
void write_tied(StateWriter& to, std::tuple<Ts&...> tied) {
  std::apply([&](const auto&... each) { (to.put(each), ...); }, tied);
}
template <class... Ts>
void read_tied(StateReader& from, std::tuple<Ts&...> tied) {
  std::apply([&](auto&... each) { (from.get(each), ...); }, tied);
}

/// The base of operators that remember something. `Self` has
///
///     auto state();      // all of it, as of std::tie
///     void restored();   // if it likes to know: it has been read from a snapshot
///
/// or, where it is not to be tied,
///
///     static constexpr bool saved;            // whether it can be
///     void write(StateWriter& to) const;
///     void read(StateReader& from);
///
/// Without a codec for what `Self` remembers no snapshot can be taken of its graph.
template <class Self>
class Remembers : public Managed {
 public:
  void save(StateWriter& to) const final {
    if constexpr (!can_save()) {
      static_cast<void>(to);
    } else if constexpr (requires(Self& self) { self.state(); }) {
      write_tied(to, self().state());
    } else {
      self().write(to);
    }
  }
  void load(StateReader& from) final {
    if constexpr (!can_save()) {
      static_cast<void>(from);
    } else if constexpr (requires(Self& self) { self.state(); }) {
      read_tied(from, self().state());
      if constexpr (requires(Self& self) { self.restored(); }) self().restored();
    } else {
      self().read(from);
    }
  }

 protected:
  ~Remembers() = default;

  static constexpr bool can_save() {
    if constexpr (requires(Self& self) { self.state(); }) {
      return can_be_saved<decltype(std::declval<Self&>().state())>;
    } else {
      return Self::saved;
    }
  }
  void remember(Info& info, Recovery how = Recovery::state) noexcept {
    info.recovery = how;
    if constexpr (can_save()) info.state = this;
  }

 private:
  Self& self() noexcept { return static_cast<Self&>(*this); }
  // What is tied to be saved is only read.
  Self& self() const noexcept { return static_cast<Self&>(const_cast<Remembers&>(*this)); }
};

/// A step that remembers something.
template <class Self>
class StateStep : public Step, public Remembers<Self> {
 public:
  void place(Node& node, Info& info) noexcept {
    Step::place(node, info);
    this->remember(info);
  }
};

}  // namespace detail
}  // namespace penstock

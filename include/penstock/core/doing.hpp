// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <type_traits>

namespace penstock::detail {

/// A reference to a function that is called while it is referred to. What does not depend on the element type
/// takes one of these, and so is compiled once.
template <class R, class... Args>
class Doing {
 public:
  template <class Fn>
    requires(!std::is_same_v<std::remove_cvref_t<Fn>, Doing>)
  Doing(Fn&& fn) noexcept  // NOLINT: lambdas are what is handed over
      : fn_(const_cast<void*>(static_cast<const void*>(&fn))), call_([](void* f, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<Fn>*>(f))(args...);
        }) {}
  R operator()(Args... args) const { return call_(fn_, args...); }

 private:
  void* fn_;
  R (*call_)(void*, Args...);
};

}  // namespace penstock::detail

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include <boost/describe/bases.hpp>
#include <boost/describe/class.hpp>
#include <boost/describe/members.hpp>
#include <boost/describe/modifiers.hpp>
#include <boost/mp11/algorithm.hpp>
#include <boost/mp11/list.hpp>

#include "penstock/state/codec.hpp"

// State that Boost.Describe tells about. To be included where such a type is defined.

namespace penstock {

/// The codec of a class whose members `BOOST_DESCRIBE_CLASS` or `BOOST_DESCRIBE_STRUCT` tell, private ones and those of its
/// bases too:
///
///     template <>
///     struct penstock::Codec<Account> : penstock::DescribedCodec<Account> {};
///
/// Snapshots have the names and types of the members, so that one that was renamed, left out or moved is refused. A second argument is the version; what an older one saved needs a `read` of one's own.
///
/// An aggregate without bases needs none of this.
template <class T, std::uint32_t Version = 1>
struct DescribedCodec {
  static constexpr std::uint32_t version = Version;

  static void write(StateWriter& to, const T& value) {
    each([&](auto member) { to.put(value.*member.pointer); });
  }
  static T read(StateReader& from, std::uint32_t saved_by) {
    static_assert(std::is_default_constructible_v<T>,
                  "DescribedCodec: needs a default constructor to read into; write a penstock::Codec<T> without it");
    if (saved_by != version) from.fail("version " + std::to_string(saved_by) + " of its type is not read any more");
    T value{};
    each([&](auto member) { from.get(value.*member.pointer); });
    return value;
  }
  /// What stands behind the name and the version.
  static void sign(std::string& text) {
    text += '{';
    each([&](auto member) {
      if (text.back() != '{') text += ',';
      text.append(member.name) += ':';
      detail::coding::sign<std::remove_cvref_t<decltype(std::declval<T&>().*member.pointer)>>(text);
    });
    text += '}';
  }

 private:
  static_assert(boost::describe::has_describe_members<T>::value,
                "DescribedCodec: takes a type with BOOST_DESCRIBE_STRUCT or BOOST_DESCRIBE_CLASS");
  using Members = boost::describe::describe_members<T, boost::describe::mod_any_access | boost::describe::mod_inherited>;

  template <class Fn>
  static void each(Fn fn) {
    boost::mp11::mp_for_each<Members>(fn);
  }
};

}  // namespace penstock
